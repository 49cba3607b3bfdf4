// Real machines: one set-up at a time, since there is one router. Each is built when its turn comes and put back when
// another's comes.

import {randomBytes} from 'node:crypto';
import type {Setup} from '../setups/setup.ts';
import {findHosts} from './find-hosts.ts';
import type {Hosts, HostsOptions} from './find-hosts.ts';
import {HostsNetwork} from './hosts-network.ts';
import type {Lab, FixtureOptions, Turn} from './lab.ts';
import {createFixture} from './fixture.ts';
import type {Fixture} from './fixture.ts';

export class HostsLab implements Lab {
  readonly site: string;
  readonly shapes = false;
  readonly oneAtATime = true;
  readonly #hosts: Hosts;
  readonly #log: (line: string) => void;
  #current: {turn: Turn; network: HostsNetwork; fixture: Fixture | null} | null = null;

  private constructor(hosts: Hosts, log: (line: string) => void) {
    this.#hosts = hosts;
    this.#log = log;
    this.site = hosts.site;
  }

  static async reach(
    options: HostsOptions,
    signal: AbortSignal,
    log: (line: string) => void,
  ): Promise<HostsLab> {
    return new HostsLab(await findHosts(options, signal), log);
  }

  prepare(wanted: readonly Setup[], options: FixtureOptions = {}): Promise<Turn[]> {
    const possible = wanted.filter((setup) => this.#can(setup));
    const turns = possible.map((setup) => {
      const turn: Turn = {setup, use: () => this.#use(turn, options)};
      return turn;
    });
    return Promise.resolve(turns);
  }

  /** The machines' network decides which set-ups they can show. */
  #can(setup: Setup): boolean {
    const {nodeOutside, routerOutside, routerInside} = this.#hosts;
    const behind = nodeOutside === null && routerOutside.device !== routerInside.device;
    const can = setup.shape === 'nat' ? behind : nodeOutside !== null;
    if (!can) this.#log(`${setup.title} is left out: the node is ${behind ? '' : 'not '}behind the router`);
    return can;
  }

  async #use(turn: Turn, options: FixtureOptions): Promise<Fixture> {
    if (this.#current?.turn === turn && this.#current.fixture) return this.#current.fixture;
    await this.clear();
    const {setup} = turn;
    const {forwarders = 1, settings = ''} = options;
    const network = new HostsNetwork(this.#hosts);
    this.#current = {turn, network, fixture: null};
    if (setup.ours)
      await network.startOurs(setup.shape, forwarders, settings, randomBytes(32).toString('hex'));
    this.#current.fixture = await createFixture(setup, network, options);
    return this.#current.fixture;
  }

  async clear(): Promise<void> {
    const current = this.#current;
    this.#current = null;
    await current?.network.down();
  }

  end(): Promise<void> {
    return this.clear();
  }
}
