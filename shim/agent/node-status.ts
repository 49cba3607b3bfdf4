// The status of this node that the agent reports: how busy it is for each application (load/), and which endpoints
// fail their checks (health/). Connects both with the kernel.

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
import {OwnMetric} from './load/own-metric.ts';
import type {InstanceFinder} from './load/own-metric.ts';
import type {AgentOptions} from './options.ts';

const LOAD_NAME = 'coscanet-load';

export interface NodeStatusDeps {
  instances: InstanceFinder;
  applicationConfigs: () => readonly ApplicationConfig[];
  /** Those that have endpoints on this node. */
  applications: () => Iterable<string>;
  onHealth: () => void;
  onLevels: () => void;
}

export class NodeStatus {
  readonly #health: Health;
  readonly #ownMetric: OwnMetric;
  readonly #levels: Levels;
  readonly #deps: {native: AgentNative; log: Logger};
  #socket: ShimServer | null = null;

  /** Throws a UserError if the cgroup that stands for the node cannot be read. */
  constructor(
    {address, checksFolder, load}: Pick<AgentOptions, 'address' | 'checksFolder' | 'load'>,
    mountinfo: string,
    {native, clock, log}: {native: AgentNative; clock: Clock; log: Logger},
    {instances, applicationConfigs, applications, onHealth, onLevels}: NodeStatusDeps,
  ) {
    const waiting = (at: string, port: number) =>
      native.unacceptedConnections().filter((one) => one.address === at && one.port === port);
    const stopped = new StoppedCheck(mountinfo);
    this.#health = new Health(
      {stopped, waiting, applicationConfigs, address, checksFolder},
      clock,
      log,
      onHealth,
    );
    const meter = meterOf(findCgroupMount(mountinfo).folder, load);
    this.#ownMetric = new OwnMetric(instances, clock);
    const own = (application: string, rules: LoadRules) => this.#ownMetric.of(application, rules);
    this.#levels = new Levels({meter, applications, applicationConfigs, own}, clock, log, onLevels);
    this.#deps = {native, log};
  }

  /** The load level of each application that is here; undefined: not known yet. */
  get levels(): Record<string, Level> | undefined {
    return this.#levels.current;
  }

  /** The endpoints with what is wrong with each, as the router gets them. */
  annotate(found: readonly FoundEndpoint[]): NodeEndpoint[] {
    return this.#health.annotate(found);
  }

  start(): void {
    try {
      this.#socket = this.#deps.native.listenLoad(LOAD_NAME, (message) => this.#ownMetric.take(message));
    } catch (error) {
      // Without it, all that is missing are numbers of applications.
      this.#deps.log.error({}, `instances cannot tell their load: ${messageOf(error)}`);
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
