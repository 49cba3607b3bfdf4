// From rounds to numbers of a table, and from there into the README.

import test from 'ava';
import {beforeTable, isWorse} from '../../perf/report/before.ts';
import {replaceBetweenMarkers} from '../../perf/report/publish.ts';
import {beside, values} from '../../perf/report/result.ts';
import {digits, show, spread} from '../../perf/report/statistics.ts';
import {inTurns} from '../../perf/rounds.ts';
import type {Trial} from '../../perf/rounds.ts';

test('the spread of rounds', (t) => {
  t.deepEqual(spread([2, 9, 4]), {
    median: 4,
    low: 3,
    high: 6.5,
    mean: 5,
    deviation: Math.sqrt(13),
    rounds: 3,
  });
  t.is(spread([1, 2, 3, 10]).median, 2.5);
  t.is(spread([7]).deviation, 0);
  t.throws(() => spread([]), {instanceOf: RangeError});
});

test('three digits that mean something', (t) => {
  t.deepEqual(
    [0, 0.01234, 0.987654, 12.345, 123.456, 12_345.6].map((value) => digits(value)),
    ['0', '0.0123', '0.988', '12.3', '123', '12,346'],
  );
  t.is(show([1, 2, 3]), '2.00 (1.50–2.50)');
  t.is(show([2]), '2.00');
  t.is(show([]), '–');
});

const turns = (rounds: number, log: string[] = []) => ({
  rounds,
  together: false,
  signal: new AbortController().signal,
  log: (line: string) => void log.push(line),
});
const trial = (setup: string, measure: Trial['measure'], more: Partial<Trial> = {}): Trial => ({
  setup,
  condition: 'c',
  x: 1,
  measure,
  ...more,
});

test('rounds go to and fro; ratios are of the same round', async (t) => {
  const order: string[] = [];
  let time = 0;
  const measured = (setup: string, factor: number) =>
    trial(setup, async () => {
      order.push(setup);
      return {speed: factor * ++time};
    });
  const result = await inTurns([measured('direct', 1), measured('other', 10)], turns(3));
  t.deepEqual(order, ['direct', 'other', 'other', 'direct', 'direct', 'other']);
  const key = {setup: 'other', condition: 'c', x: 1, metric: 'speed'};
  t.deepEqual(values(result, key), [20, 30, 60]);
  t.deepEqual(beside(result, key, {setup: 'direct'}), [20, 30 / 4, 60 / 5]);
});

test('one failed round is a hole, and takes its ratio with it; many are a failed trial', async (t) => {
  let round = 0;
  const direct = trial('direct', async () => ({speed: 1}));
  const other = trial('other', async () => {
    if (++round === 2) throw new Error('no answer');
    return {speed: round};
  });
  const result = await inTurns([direct, other], turns(4));
  const key = {setup: 'other', condition: 'c', x: 1, metric: 'speed'};
  t.deepEqual(beside(result, key, {setup: 'direct'}), [1, 3, 4]);
  t.deepEqual(result.failures, [{round: 1, what: 'other c 1', reason: 'no answer'}]);

  const broken = trial('broken', () => Promise.reject(new Error('no answer')));
  await t.throwsAsync(inTurns([direct, broken], turns(4)), {message: 'no answer'});
});

test('a trial may have fewer rounds than the others', async (t) => {
  const result = await inTurns(
    [trial('direct', async () => ({speed: 1})), trial('slow', async () => ({speed: 2}), {rounds: 1})],
    turns(3),
  );
  t.deepEqual(
    result.series.map((series) => series.values.length),
    [3, 1],
  );
});

test('an interrupted run measures no more', async (t) => {
  const interruption = new AbortController();
  let measured = 0;
  const one = trial('direct', async () => {
    measured++;
    interruption.abort(new Error('interrupted'));
    return {speed: 1};
  });
  await t.throwsAsync(inTurns([one, one], {...turns(3), signal: interruption.signal}), {
    message: 'interrupted',
  });
  t.is(measured, 1);
});

test('tables go between their markers, and nowhere else', (t) => {
  const text = 'before\n<!-- h1 -->\nold\n<!-- end of h1 -->\nafter\n';
  t.is(replaceBetweenMarkers(text, 'h1', 'new'), 'before\n<!-- h1 -->\n\nnew\n\n<!-- end of h1 -->\nafter\n');
  t.throws(() => replaceBetweenMarkers(text, 'h2', 'new'), {message: /no place for h2/});
});

test('beside an earlier checkout: worse is what the whole middle half says', (t) => {
  t.true(isWorse('ns/packet', [1.02, 1.03, 1.04]));
  t.false(isWorse('ns/packet', [0.98, 0.99, 1.03, 1.04])); // its spread reaches below 1
  t.false(isWorse('ns/packet', [0.9, 0.9, 0.91]));
  t.true(isWorse('requests/s', [0.9, 0.9, 0.91]));
  t.false(isWorse('requests/s', [1.02, 1.03, 1.04]));
  t.false(isWorse('ns/packet', [1.001, 1.002, 1.003]));
});

test('ratios over an earlier checkout are of the same round, for what both have', (t) => {
  const series = (setup: string, rounds: (number | null)[]) => ({
    setup,
    condition: 'c',
    x: null,
    metric: 'ns/packet',
    values: rounds,
  });
  const result = (all: ReturnType<typeof series>[]) => ({
    case: 'core',
    date: new Date(0).toISOString(),
    commit: '',
    changed: [],
    machine: {kernel: '', cpu: '', cores: 2, node: ''},
    site: 'namespaces',
    loadBefore: 0,
    quick: false,
    seconds: 1,
    parameters: {},
    failures: [],
    series: all,
  });
  t.is(beforeTable(result([series('core', [1])])), null);
  const both = result([series('core', [3, 6, null]), series('core before', [2, 4, 1]), series('floor', [1])]);
  t.regex(beforeTable(both) ?? '', /core \| c, ns\/packet \| 1\.500 \(1\.500–1\.500\) \| worse/);
  t.notRegex(beforeTable(both) ?? '', /floor/);
});
