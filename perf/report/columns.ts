// Cells that most tables have: a set-up's numbers, and how they stand to direct.

import {titleOf} from '../setups/index.ts';
import {beside, distinct, values} from './result.ts';
import type {Key, Result} from './result.ts';
import {digits, show} from './statistics.ts';
import {table} from './table.ts';

export type Cell = (result: Result, key: Omit<Key, 'metric'>) => string;

const signed = (format: (value: number) => string) => (value: number) =>
  `${value >= 0 ? '+' : '−'}${format(Math.abs(value))}`;

export const BASE = 'direct';

/** The number itself. */
export const absolute =
  (metric: string): Cell =>
  (result, key) =>
    show(values(result, {...key, metric}));

/** Over direct, under the same condition or another. */
export const ratio =
  (metric: string, condition?: string): Cell =>
  (result, key) =>
    show(
      beside(result, {...key, metric}, {setup: BASE, ...(condition === undefined ? {} : {condition})}),
      (value) => value.toFixed(3),
    );

/** More or less than direct, which stands there itself. */
export const added =
  (metric: string): Cell =>
  (result, key) =>
    key.setup === BASE
      ? absolute(metric)(result, key)
      : show(
          beside(result, {...key, metric}, {setup: BASE}, (value, base) => value - base),
          signed(digits),
        );

/** The same in per cent. */
export const slower =
  (metric: string): Cell =>
  (result, key) =>
    key.setup === BASE
      ? absolute(metric)(result, key)
      : show(
          beside(result, {...key, metric}, {setup: BASE}, (value, base) => value / base - 1),
          signed((value) => `${(100 * value).toFixed(1)} %`),
        );

export interface Column {
  head: string;
  cell: Cell;
  x?: number | null;
}

/** One row for each set-up that was measured under `condition`. */
export function setupTable(
  result: Result,
  title: string,
  condition: string,
  columns: readonly Column[],
): string {
  const measured = result.series.filter((series) => series.condition === condition);
  const rows = distinct(measured.map(({setup}) => setup)).map((setup) => [
    titleOf(setup),
    ...columns.map(({cell, x = null}) => cell(result, {setup, condition, x})),
  ]);
  return table([title, ...columns.map(({head}) => head)], rows);
}
