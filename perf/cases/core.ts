// Nanoseconds per packet of addon/src/core alone (perf/core): no device, no kernel.

import {z} from 'zod';
import type {Case} from '../bench.ts';
import {native, run} from '../exec.ts';
import {distinct, beside, find, values} from '../report/result.ts';
import type {Result, Series} from '../report/result.ts';
import {show} from '../report/statistics.ts';
import {table} from '../report/table.ts';
import {beforeName} from '../setups/index.ts';

const METRIC = 'ns/packet';
const PARTS = ['headers', 'floor', 'core'] as const;

const firstLine = z.strictObject({entryBytes: z.number()});
const laterLine = z.strictObject({
  scenario: z.string(),
  round: z.number(),
  headers: z.number(),
  floor: z.number(),
  core: z.number(),
});

export function parseCoreBench(text: string): {entryBytes: number; series: Series[]} {
  const [first, ...lines] = text
    .trim()
    .split('\n')
    .map((line): unknown => JSON.parse(line));
  const measurements = lines.map((line) => laterLine.parse(line));
  const series = distinct(measurements.map(({scenario}) => scenario)).flatMap((scenario) =>
    PARTS.map((part) => ({
      setup: part,
      condition: scenario,
      x: null,
      metric: METRIC,
      values: measurements.filter((line) => line.scenario === scenario).map((line) => line[part]),
    })),
  );
  return {entryBytes: firstLine.parse(first).entryBytes, series};
}

const asBefore = (series: readonly Series[]) => series.map((one) => ({...one, setup: beforeName(one.setup)}));

/** Further rounds of what is there, or the first ones. */
function append(all: Series[], more: readonly Series[]): void {
  for (const one of more) {
    const known = find({series: all}, one);
    if (known) known.values.push(...one.values);
    else all.push(one);
  }
}

/** What two forwarders do together over what one does. */
function scaling(result: Result): number[] {
  const two = values(result, {setup: 'core', condition: '1M two forwarders', metric: METRIC});
  const one = values(result, {setup: 'core', condition: '1M', metric: METRIC});
  return two.flatMap((value, round) => (one[round] === undefined ? [] : [one[round] / value]));
}

export const core: Case = {
  name: 'core',
  title: 'nanoseconds per packet of the core alone, beside the floor',
  limit: [240, 90],
  async run(bench) {
    const [rounds, milliseconds] = [bench.rounds(10, 3), bench.quick ? 50 : 200];
    const measure = async (checkout: string | undefined, some: number) => {
      const words = ['--rounds', String(some), '--milliseconds', String(milliseconds)];
      const bounds = {seconds: this.limit[0], signal: bench.signal};
      return parseCoreBench(await run([native('core-bench', checkout), ...words], bounds));
    };
    // A process fills its tables first, which takes as long as some rounds: hence not one for each.
    const turns = bench.against === null ? [rounds] : Array.from({length: Math.ceil(rounds / 3)}, () => 3);
    const series: Series[] = [];
    let entryBytes = 0;
    for (const [turn, some] of turns.entries()) {
      const both = bench.against === null ? [undefined] : [undefined, bench.against];
      for (const checkout of turn % 2 ? both.reverse() : both) {
        const found = await measure(checkout, some);
        append(series, checkout === undefined ? found.series : asBefore(found.series));
        if (checkout === undefined) ({entryBytes} = found);
      }
    }
    return {
      parameters: {rounds, milliseconds, batch: 64, 'bytes per flow': entryBytes},
      series,
      failures: [],
    };
  },
  table(result) {
    const scenarios = distinct(result.series.map(({condition}) => condition));
    const rows = scenarios.map((condition) => {
      const cell = (setup: string) => show(values(result, {setup, condition, metric: METRIC}));
      const overFloor = beside(result, {setup: 'core', condition, metric: METRIC}, {setup: 'floor'});
      return [condition, cell('headers'), cell('floor'), cell('core'), show(overFloor)];
    });
    return [
      table(['flows', 'headers, ns', 'floor, ns', 'core, ns', 'core / floor'], rows),
      '',
      `Two forwarders do ${show(scaling(result))} times what one does. ` +
        `A flow takes ${result.parameters['bytes per flow'] ?? '?'} bytes.`,
    ].join('\n');
  },
};
