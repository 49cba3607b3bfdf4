// This checkout beside an earlier one, measured in the same rounds: every number that both have, as a ratio.

import {beforeName, titleOf} from '../setups/index.ts';
import {beside, find} from './result.ts';
import type {Result, Series} from './result.ts';
import {show, spread} from './statistics.ts';
import {table} from './table.ts';

/** Of these, more is better; of all others (times, bytes) less is. */
const MORE_IS_BETTER = /\/s$/;

/**
 * Worse beyond the spread of the rounds: the middle half of the ratios lies wholly on the wrong side of 1, and so does
 * the median by more than `tolerance`.
 */
export function isWorse(metric: string, ratios: readonly number[], tolerance = 0.01): boolean {
  const {median, low, high} = spread(ratios);
  return MORE_IS_BETTER.test(metric) ? high < 1 && median < 1 - tolerance : low > 1 && median > 1 + tolerance;
}

function row(result: Result, {setup, condition, x, metric}: Series): string[] {
  const ratios = beside(result, {setup, condition, x, metric}, {setup: beforeName(setup)});
  if (ratios.length === 0) return [];
  const what = [condition, x?.toLocaleString('en-US'), metric].filter((part) => part).join(', ');
  const verdict = isWorse(metric, ratios) ? 'worse' : '';
  return [titleOf(setup), what, show(ratios, (value) => value.toFixed(3)), verdict];
}

/** Markdown; null where nothing was measured of an earlier checkout. */
export function beforeTable(result: Result): string | null {
  const rows = result.series
    .filter(({setup, ...key}) => find(result, {...key, setup: beforeName(setup)}) !== undefined)
    .map((series) => row(result, series))
    .filter((cells) => cells.length > 0);
  return rows.length === 0 ? null : table(['over the checkout before', 'what', 'ratio', ''], rows);
}
