// What the agent tells of its node's condition: how busy it is for each application (load/), and which endpoints
// are sick (health/). Puts both together with the kernel.

import type {AgentNative, ShimServer} from '../../addon/agent.ts';
import type {Clock} from '../../router/base/clock.ts';
import {messageOf} from '../../router/base/error.ts';
import type {Logger} from '../../router/base/logger.ts';
import type {LoadRules} from '../../router/protocol/load.ts';
import type {ApplicationConfig, Level, NodeEndpoint} from '../../router/protocol/messages.ts';
import type {FoundEndpoint} from './endpoints.ts';
import {Health} from './health/health.ts';
import {StoppedCheck} from './health/stopped.ts';
import {findCgroupMount} from './instances.ts';
import {Levels} from './load/levels.ts';
import {meterOf} from './load/meters.ts';
import {OwnNumbers} from './load/own.ts';
import type {InstanceFinder} from './load/own.ts';
import type {AgentOptions} from './options.ts';

const LOAD_NAME = 'coscanet-load';

export interface ConditionSources {
  instances: InstanceFinder;
  orders: () => readonly ApplicationConfig[];
  /** Those that have endpoints on this node. */
  applications: () => Iterable<string>;
  onHealth: () => void;
  onLevels: () => void;
}

export class Condition {
  readonly #health: Health;
  readonly #own: OwnNumbers;
  readonly #levels: Levels;
  readonly #parts: {native: AgentNative; log: Logger};
  #socket: ShimServer | null = null;

  /** Throws a UserError if the cgroup that stands for the node cannot be read. */
  constructor(
    {address, checksFolder, load}: Pick<AgentOptions, 'address' | 'checksFolder' | 'load'>,
    mountinfo: string,
    {native, clock, log}: {native: AgentNative; clock: Clock; log: Logger},
    {instances, orders, applications, onHealth, onLevels}: ConditionSources,
  ) {
    const waiting = (at: string, port: number) =>
      native.unacceptedConnections().filter((one) => one.address === at && one.port === port);
    const stopped = new StoppedCheck(mountinfo);
    this.#health = new Health({stopped, waiting, orders, address, checksFolder}, clock, log, onHealth);
    const meter = meterOf(findCgroupMount(mountinfo).folder, load);
    this.#own = new OwnNumbers(instances, clock);
    const own = (application: string, rules: LoadRules) => this.#own.of(application, rules);
    this.#levels = new Levels({meter, applications, orders, own}, clock, log, onLevels);
    this.#parts = {native, log};
  }

  /** The load level of each application that is here; undefined: not known yet. */
  get levels(): Record<string, Level> | undefined {
    return this.#levels.current;
  }

  /** The endpoints as the router is to know them: with what is wrong. */
  judge(found: readonly FoundEndpoint[]): NodeEndpoint[] {
    return this.#health.judge(found);
  }

  start(): void {
    try {
      this.#socket = this.#parts.native.listenLoad(LOAD_NAME, (message) => this.#own.take(message));
    } catch (error) {
      // Without it, all that is missing are numbers of applications.
      this.#parts.log.error({}, `instances cannot tell their load: ${messageOf(error)}`);
    }
    this.#health.start();
    this.#levels.start();
  }

  close(): void {
    this.#socket?.close();
    this.#health.close();
    this.#levels.close();
  }
}
