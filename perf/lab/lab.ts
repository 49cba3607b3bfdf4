// Where cases find their set-ups. In a testbed each has a network of its own, all of them up at once: none pays for
// another's rules or sockets, and turns cost nothing.

import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {readdir} from 'node:fs/promises';
import {cpus, tmpdir} from 'node:os';
import {join} from 'node:path';
import {run} from '../exec.ts';
import {configuration} from '../setups/ours.ts';
import type {Setup} from '../setups/setup.ts';
import {topology} from './host.ts';
import {TestbedNetwork} from './network.ts';
import {createFixture} from './fixture.ts';
import type {ServerOptions, Fixture} from './fixture.ts';

export interface FixtureOptions extends ServerOptions {
  /** Of each link, such as "1gbit"; absent: not shaped. */
  rate?: string | undefined;
  forwarders?: number;
  /** Machines with the application, in a testbed; 1 if absent. The server is on the first. */
  nodes?: number;
  /** Lines of COSCANet's configuration. */
  settings?: string;
}

/** A set-up to be measured, when it is its turn. */
export interface Turn {
  readonly setup: Setup;
  use(): Promise<Fixture>;
}

export interface Lab {
  /** "namespaces", or the hosts. */
  readonly site: string;
  /** Its links can be given a rate; where not, they are as they are. */
  readonly shapes: boolean;
  /** Changing from one set-up to another takes seconds. */
  readonly oneAtATime: boolean;
  /** Set-ups of `wanted` that this lab can show, in that order. */
  prepare(wanted: readonly Setup[], options?: FixtureOptions): Promise<Turn[]>;
  /** Takes everything down. */
  clear(): Promise<void>;
  /** The same, for good. */
  end(): Promise<void>;
}

export class TestbedLab implements Lab {
  readonly site = 'namespaces';
  readonly shapes = true;
  readonly oneAtATime = false;
  readonly #signal: AbortSignal;
  readonly #networks = new Set<TestbedNetwork>();
  readonly #folder = mkdtempSync(join(tmpdir(), 'coscanet-perf-'));
  #count = 0;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  async prepare(wanted: readonly Setup[], options: FixtureOptions = {}): Promise<Turn[]> {
    const fixtures = await this.#together(wanted, (setup) => this.#fixture(setup, options));
    return fixtures.map((fixture) => ({setup: fixture.setup, use: () => Promise.resolve(fixture)}));
  }

  /** As many at a time as there are cores to build them; when one fails, none goes on behind the back of clear(). */
  async #together<T, R>(list: readonly T[], make: (item: T) => Promise<R>): Promise<R[]> {
    const made = new Map<T, R>();
    const waiting = [...list];
    const worker = async () => {
      for (let item = waiting.shift(); item !== undefined; item = waiting.shift())
        made.set(item, await make(item));
    };
    const ends = await Promise.allSettled(cpus().map(worker));
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
    return list.flatMap((item) => made.get(item) ?? []);
  }

  async #fixture(setup: Setup, options: FixtureOptions): Promise<Fixture> {
    const {rate, forwarders = 1, nodes, settings = ''} = options;
    const name = `perf-${process.pid}-${this.#count++}`;
    const config = join(this.#folder, `${name}.yaml`);
    writeFileSync(config, configuration(undefined, settings));
    const ours = setup.ours ? {config, forwarders, checkout: setup.checkout} : {};
    const network = await TestbedNetwork.up(name, {shape: setup.shape, rate, nodes, ...ours}, this.#signal);
    this.#networks.add(network);
    return createFixture(setup, network, options);
  }

  async clear(): Promise<void> {
    const networks = [...this.#networks];
    this.#networks.clear();
    const results = await Promise.allSettled(networks.map((network) => network.down()));
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  async end(): Promise<void> {
    try {
      await this.clear();
    } finally {
      rmSync(this.#folder, {recursive: true, force: true});
    }
  }
}

/** Takes down the testbeds of runs that were killed. */
export async function clearLeftovers(): Promise<void> {
  for (const name of await readdir('/run/coscanet').catch(() => [])) {
    const [, testbed, pid] = /^testbed-(perf-(\d+)-\d+)$/.exec(name) ?? [];
    if (testbed === undefined || isAlive(Number(pid))) continue;
    await run([topology('down'), '--name', testbed]);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
