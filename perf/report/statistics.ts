// Numbers from noisy machines: the middle of the rounds, and how far apart they are.

export interface Spread {
  median: number;
  /** The middle half of the rounds lies between these. */
  low: number;
  high: number;
  mean: number;
  /** Standard deviation (n − 1); 0 of a single round. */
  deviation: number;
  rounds: number;
}

/** The value below which `share` of the sorted values lie, interpolated. */
export function quantile(sorted: readonly number[], share: number): number {
  const at = share * (sorted.length - 1);
  const lower = sorted[Math.floor(at)] ?? NaN;
  const upper = sorted[Math.ceil(at)] ?? NaN;
  return lower + (upper - lower) * (at - Math.floor(at));
}

export function spread(values: readonly number[]): Spread {
  if (values.length === 0) throw new RangeError('no round, no spread');
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const sorted = [...values].sort((a, b) => a - b);
  return {
    median: quantile(sorted, 0.5),
    low: quantile(sorted, 0.25),
    high: quantile(sorted, 0.75),
    mean,
    deviation: values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : 0,
    rounds: values.length,
  };
}

/** Three significant digits, thousands set apart: "0.0123", "12.3", "12,300". */
export function digits(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  const decimals = size === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(size)));
  return value.toLocaleString('en-US', {
    minimumFractionDigits: Math.min(decimals, 6),
    maximumFractionDigits: Math.min(decimals, 6),
  });
}

/** "12.3 (11.9–12.8)": the median, and the middle half of the rounds. */
export function show(values: readonly number[], format: (value: number) => string = digits): string {
  if (values.length === 0) return '–';
  const {median, low, high, rounds} = spread(values);
  return rounds === 1 ? format(median) : `${format(median)} (${format(low)}–${format(high)})`;
}
