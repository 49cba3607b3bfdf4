// What the agent tells of its node's condition: how busy it is for each application (load/), and which endpoints
// are sick (health/). Puts both together with the kernel.

import type {AgentNative} from '../../addon/agent.ts';
import type {Clock} from '../../router/base/clock.ts';
import type {Logger} from '../../router/base/logger.ts';
import type {ApplicationOrder, Level, NodeEndpoint} from '../../router/control/protocol.ts';
import type {FoundEndpoint} from './endpoints.ts';
import {Health} from './health/health.ts';
import {StoppedCheck} from './health/stopped.ts';
import {findCgroupMount} from './instances.ts';
import {Levels} from './load/levels.ts';
import {meterOf} from './load/meters.ts';
import type {AgentOptions} from './options.ts';

export interface ConditionSources {
  orders: () => readonly ApplicationOrder[];
  /** Those that have endpoints on this node. */
  applications: () => Iterable<string>;
  onHealth: () => void;
  onLevels: () => void;
}

export class Condition {
  readonly #health: Health;
  readonly #levels: Levels;

  /** Throws a UserError if the cgroup that stands for the node cannot be read. */
  constructor(
    {address, checksFolder, load}: Pick<AgentOptions, 'address' | 'checksFolder' | 'load'>,
    mountinfo: string,
    {native, clock, log}: {native: AgentNative; clock: Clock; log: Logger},
    {orders, applications, onHealth, onLevels}: ConditionSources,
  ) {
    const waiting = (at: string, port: number) =>
      native.untakenConnections().filter((one) => one.address === at && one.port === port);
    const stopped = new StoppedCheck(mountinfo);
    this.#health = new Health({stopped, waiting, orders, address, checksFolder}, clock, log, onHealth);
    const meter = meterOf(findCgroupMount(mountinfo).folder, load);
    this.#levels = new Levels({meter, applications, orders, own: () => null}, clock, log, onLevels);
  }

  /** The load level of each application that is here. */
  get levels(): Record<string, Level> {
    return this.#levels.current;
  }

  /** The endpoints as the router is to know them: with what is wrong. */
  judge(found: readonly FoundEndpoint[]): NodeEndpoint[] {
    return this.#health.judge(found);
  }

  start(): void {
    this.#health.start();
    this.#levels.start();
  }

  close(): void {
    this.#health.close();
    this.#levels.close();
  }
}
