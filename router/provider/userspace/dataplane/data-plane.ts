// What packets pass: the segment, the router's own host's pair of interfaces, packet sockets and forwarder processes.
// All of it outlives a router that crashes; the next one takes it over.

import type {RouterNative, Segment} from '../../../../addon/router.ts';
import {CleanupStack} from '../../../base/cleanup-stack.ts';
import type {Clock} from '../../../base/clock.ts';
import type {Logger} from '../../../base/logger.ts';
import type {ProviderEvents} from '../../provider.ts';
import type {HostVeth} from '../host-veth.ts';
import {Forwarders} from './forwarders.ts';
import {writeProcessFile} from './processes.ts';
import type {ProcessId, Processes} from './processes.ts';
import {obtainSockets} from './sockets.ts';
import type {SpawnForwarder} from './spawn.ts';

export interface DataPlaneDeps {
  native: RouterNative;
  clock: Clock;
  log: Logger;
  processes: Processes;
  spawn: SpawnForwarder;
  segment: Segment;
  hostVeth: HostVeth;
  /** Forwarders of an earlier router that may still run on the segment. */
  left: readonly ProcessId[];
  /** Where forwarders' process ids are kept. */
  processFile: string;
  /** How many forwarders. */
  forwarders: number;
}

export class DataPlane {
  readonly #deps: DataPlaneDeps;
  readonly #cleanup: CleanupStack;

  constructor(deps: DataPlaneDeps) {
    this.#deps = deps;
    this.#cleanup = new CleanupStack(deps.log);
    this.#cleanup.add('segment', () => deps.segment.close());
  }

  get segment(): Segment {
    return this.#deps.segment;
  }

  get hostVeth(): HostVeth {
    return this.#deps.hostVeth;
  }

  /** Makes the host's pair of interfaces. */
  async prepare(): Promise<void> {
    const {hostVeth} = this.#deps;
    this.#cleanup.add('veth pair of the host', () => hostVeth.close());
    await hostVeth.start();
  }

  /** Resolves when all forwarders run on `interfaces`. `before`: those of the router before this one. */
  async run(
    interfaces: readonly string[],
    before: readonly string[],
    onForwarder: ProviderEvents['onForwarder'],
  ): Promise<void> {
    const {hostVeth, left, forwarders: count, processFile} = this.#deps;
    const same = hostVeth.adopted && JSON.stringify(before) === JSON.stringify(interfaces);
    const sockets = await obtainSockets(this.#deps, interfaces, count, left, same);
    const record = (ids: readonly ProcessId[]) => writeProcessFile(processFile, [...left, ...ids]);
    const forwarders = new Forwarders({...this.#deps, record, onForwarder});
    this.#cleanup.add('forwarders', () => forwarders.stop());
    await forwarders.start(sockets.byForwarder, sockets.endOld);
  }

  stop(): Promise<void> {
    return this.#cleanup.run();
  }
}
