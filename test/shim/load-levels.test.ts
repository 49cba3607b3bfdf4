// Levels of a node over time, with a clock and a kernel of our own: what is told, and how often.

import test from 'ava';
import fc from 'fast-check';
import {silentLogger} from '../../router/base/logger.ts';
import {loadSchema} from '../../router/protocol/load.ts';
import type {LoadRules} from '../../router/protocol/load.ts';
import type {ApplicationConfig, Level} from '../../router/protocol/messages.ts';
import {Levels} from '../../shim/agent/load/levels.ts';
import {machineCpu, runningThreads} from '../../shim/agent/load/meters.ts';
import type {Reading} from '../../shim/agent/load/meters.ts';
import {FakeClock} from '../router/fake-clock.ts';
import {web} from './support.ts';

/** A node whose load is what the test says. */
class Node {
  readonly clock = new FakeClock();
  readonly told: {second: number; levels: Record<string, Level>}[] = [];
  readonly applications = new Set(['web']);
  configs: ApplicationConfig[] = [web];
  cpu = 0;
  pressure = 0;
  own: number | null = null;
  measures = true;
  #busy = 0;
  #stalled = 0;
  readonly levels = new Levels(
    {
      meter: {read: (now) => this.#read(now)},
      applications: () => this.applications,
      applicationConfigs: () => this.configs,
      own: () => this.own,
    },
    this.clock,
    silentLogger,
    () => this.told.push({second: Math.round(this.clock.now() / 1000), levels: this.levels.current ?? {}}),
  );
  #last = 0;

  #read(now: number): Reading {
    this.#busy += ((now - this.#last) * this.cpu) / 100;
    this.#stalled += (now - this.#last) * 10 * this.pressure;
    this.#last = now;
    return this.measures
      ? {cpu: {busy: this.#busy, capacity: now}, pressure: {stalled: this.#stalled, time: now * 1000}}
      : {};
  }

  async seconds(count: number, cpu: () => number = () => this.cpu): Promise<void> {
    for (let second = 0; second < count; second++) {
      this.cpu = cpu();
      await this.clock.advance(1000);
    }
  }

  use(load: unknown): void {
    const rules: LoadRules = loadSchema.parse(load);
    this.configs = [{...web, load: rules}];
  }

  /** Each level told of web, with its second. */
  get story(): string {
    return this.told.map(({second, levels}) => `${second} ${levels['web'] ?? '-'}`).join(', ');
  }
}

test('a burden of twenty seconds: told soon, taken back step by step; nothing else is told', async (t) => {
  const node = new Node();
  node.levels.start();
  await node.seconds(20, () => 10);
  await node.seconds(20, () => 100);
  await node.seconds(60, () => 10);
  t.is(node.story, '0 low, 22 medium, 27 high, 42 medium, 62 low');
});

test('an agent that has just started says nothing, then soon what it sees', async (t) => {
  const node = new Node();
  node.cpu = 100;
  t.is(node.levels.current, undefined);
  node.levels.start();
  t.is(node.levels.current, undefined);
  await node.clock.advance(300);
  t.deepEqual(node.levels.current, {web: 'high'});
});

test('an application that comes has a level at once: what is known of the node', async (t) => {
  const node = new Node();
  node.applications.clear();
  node.levels.start();
  await node.seconds(5, () => 55);
  t.deepEqual(node.levels.current, {});
  node.applications.add('web').add('mail');
  t.deepEqual(node.levels.current, {web: 'medium', mail: 'medium'});
  await node.seconds(20, () => 100);
  t.deepEqual(node.levels.current, {web: 'high', mail: 'high'});
  node.applications.delete('mail');
  t.deepEqual(node.levels.current, {web: 'high'});
  node.use({metrics: {cpu: {low: 150, medium: [160, 170], high: 180}}});
  await node.seconds(2);
  node.applications.delete('web');
  await node.seconds(1);
  node.applications.add('web');
  t.deepEqual(node.levels.current, {web: 'low'}, 'by the rules of now');
});

test('without any metric there is no level, and none stays', async (t) => {
  const node = new Node();
  node.measures = false;
  node.levels.start();
  await node.seconds(5);
  t.is(node.story, '');
  node.measures = true;
  await node.seconds(5);
  node.measures = false;
  await node.seconds(5);
  t.is(node.story, '6 low, 10 -');
});

test("an application's own number, by rules of its own", async (t) => {
  const node = new Node();
  node.use({metrics: {own: {low: 100, medium: [200, 300], high: 400}}, smoothing: 0, dwell: 0});
  node.cpu = 100;
  node.levels.start();
  await node.seconds(3);
  t.is(node.story, '', 'nothing but its own number counts');
  for (const own of [50, 250, 500]) {
    node.own = own;
    await node.seconds(2);
  }
  t.is(node.story, '3 low, 5 medium, 7 high');
});

test('new rules hold at the next sample, the level is not forgotten', async (t) => {
  const node = new Node();
  node.levels.start();
  await node.seconds(10, () => 40);
  t.is(node.story, '0 medium');
  node.use({metrics: {cpu: {low: 5, medium: [10, 20], high: 30}}});
  await node.seconds(10);
  t.is(node.story, '0 medium, 10 high');
});

/** A generator of numbers from 0 to 1, the same for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** A load of `mean` per cent with a spread; and, with `bursts`, for seconds all that there is, every minute or so. */
function noiseOf(mean: number, spread: number, bursts: boolean): () => number {
  const random = randomOf(mean * 100 + spread);
  let burst = 0;
  return () => {
    if (bursts && random() < 0.02) burst = 2 + Math.floor(random() * 4);
    burst -= 1;
    // The sum of three is about normal.
    const noise = (random() + random() + random() - 1.5) * 2 * spread;
    return burst > 0 ? 100 : Math.min(Math.max(mean + noise, 0), 100);
  };
}

/** Messages in ten minutes, the first level among them. */
async function messagesOf(cpu: () => number): Promise<number> {
  const node = new Node();
  node.levels.start();
  await node.seconds(600, cpu);
  return node.told.length;
}

test('ten minutes of noisy load: few messages, at every mean', async (t) => {
  const most: Record<string, number> = {};
  for (const bursts of [false, true]) {
    for (const spread of [5, 10, 20, 40]) {
      const counts = [];
      for (const mean of [20, 35, 40, 50, 70, 75, 85])
        counts.push(await messagesOf(noiseOf(mean, spread, bursts)));
      const name = `± ${spread}${bursts ? ' with bursts' : ''}`;
      t.log(`${name}: ${counts.join(' ')}`);
      most[name] = Math.max(...counts);
    }
  }
  // The noise of every machine does not make a node flap at all: one level, or the two next to a border once.
  t.true((most['± 5'] ?? 99) <= 2);
  t.true((most['± 10'] ?? 99) <= 4);
  // Whatever there is: ten changes, and the first level.
  t.true(Math.max(...Object.values(most)) <= 11);
});

test('what the kernel writes', (t) => {
  t.deepEqual(machineCpu('cpu  100 1 50 800 20 0 5 24 7 0\ncpu0 1 2 3\n'), {busy: 180, capacity: 1000});
  t.is(machineCpu('nothing'), undefined);
  t.is(runningThreads('1.02 1.81 1.64 4/115 30554\n'), 3);
  t.is(runningThreads('0.00 0.00 0.00 1/115 30554\n'), 0);
  fc.assert(fc.property(fc.string(), (text) => machineCpu(text) === undefined || text.startsWith('cpu ')));
});
