// Numbers from noisy machines: what was measured in each round, and how far apart the rounds are.

export interface Spread {
  mean: number;
  /** Standard deviation of the rounds (n − 1). */
  deviation: number;
  median: number;
}

export function spread(values: readonly number[]): Spread {
  if (values.length < 2) throw new RangeError('a spread needs two rounds at least');
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  const median = sorted.length % 2 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
  return {mean, deviation: Math.sqrt(variance), median};
}

/** "12.3 ± 0.4" */
export function show({mean, deviation}: Spread, digits: number): string {
  return `${mean.toFixed(digits)} ± ${deviation.toFixed(digits)}`;
}
