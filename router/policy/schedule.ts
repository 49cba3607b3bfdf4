// Smooth weighted round robin, compiled into a ring: C++ only takes the next entry, so that shares are exact
// over each round and no endpoint gets its flows in a burst. Pure.

/** Weights are exact to a thousandth. */
const FINENESS = 1000;

/** Longest ring of a service; weights that need more are scaled down to it. */
export const MAX_RING = 4096;

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Scales so that the sum is `bound` (largest remainders rounded up), each positive weight at least 1. */
function scaleTo(bound: number, weights: readonly number[]): number[] {
  const total = sum(weights);
  const exact = weights.map((weight) => (weight * bound) / total);
  const scaled = exact.map((share, index) => (weights[index] ? Math.max(1, Math.floor(share)) : 0));
  const byRemainder = exact
    .map((share, index) => ({index, remainder: share - (scaled[index] ?? 0)}))
    .sort((a, b) => b.remainder - a.remainder);
  let missing = bound - sum(scaled);
  for (const {index, remainder} of byRemainder) {
    if (missing <= 0 || remainder <= 0) break;
    scaled[index] = (scaled[index] ?? 0) + 1;
    missing--;
  }
  // Many endpoints of tiny weight, rounded up to one entry each: taken from the largest.
  while (missing < 0) {
    const largest = scaled.indexOf(Math.max(...scaled));
    if (scaled[largest] === 1) break;
    scaled[largest] = (scaled[largest] ?? 0) - 1;
    missing++;
  }
  return scaled;
}

/** The smallest whole numbers in the same proportions, with a sum of at most `bound` (or one each). */
export function reduceWeights(given: readonly number[], bound: number = MAX_RING): number[] {
  const whole = given.every((weight) => Number.isInteger(weight));
  const weights = whole ? given : given.map((weight) => Math.round(weight * FINENESS));
  const divisor = weights.reduce(greatestCommonDivisor, 0) || 1;
  const reduced = weights.map((weight) => weight / divisor);
  return sum(reduced) <= bound ? reduced : scaleTo(bound, reduced);
}

/** Indices into `weights` in the order in which new flows take them; empty if no weight is positive. */
export function compileRing(weights: readonly number[], bound: number = MAX_RING): number[] {
  const shares = reduceWeights(weights, bound);
  const total = sum(shares);
  const current = shares.map(() => 0);
  const ring: number[] = [];
  while (ring.length < total) {
    let best = 0;
    for (let index = 0; index < shares.length; index++) {
      current[index] = (current[index] ?? 0) + (shares[index] ?? 0);
      if ((current[index] ?? 0) > (current[best] ?? 0)) best = index;
    }
    current[best] = (current[best] ?? 0) - total;
    ring.push(best);
  }
  return ring;
}
