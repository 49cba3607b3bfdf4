// Keeps the forwarders running. They are crash-only: one that dies is started again on the same descriptors
// and the same memory, and one that is stuck is killed. Never do two loops run on one ring: the next one is started
// when the kernel has said that the last one has ended.

import type {RouterNative, Segment} from '../../../../addon/router.ts';
import type {Clock} from '../../../base/clock.ts';
import {messageOf} from '../../../base/error.ts';
import type {Logger} from '../../../base/logger.ts';
import type {ProviderEvents} from '../../provider.ts';
import type {ProcessId} from './processes.ts';
import type {ForwarderProcess, SpawnForwarder} from './spawn.ts';
import {Watchdog} from './watchdog.ts';

/** Dying sooner than this after its start counts as failing again and again. */
const HEALTHY_MS = 1000;
const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 5000;
const STEP_DEADLINE_MS = 10_000;
const STOP_DEADLINE_MS = 2000;

export interface ForwardersDeps {
  native: Pick<RouterNative, 'closeDescriptor' | 'processStartTime'>;
  segment: Segment;
  clock: Clock;
  log: Logger;
  spawn: SpawnForwarder;
  /** Keeps the pids where a later supervisor finds them. */
  record(ids: readonly ProcessId[]): void;
  onForwarder: ProviderEvents['onForwarder'];
}

interface Place {
  index: number;
  descriptors: readonly number[];
  process: ForwarderProcess | null;
  /** Since when the loop of `process` runs (Clock.now); null: it does not yet. */
  startedAt: number | null;
  /** Deaths soon after the start, one after the other. */
  failures: number;
}

export class Forwarders {
  readonly #deps: ForwardersDeps;
  readonly #watchdog: Watchdog;
  #places: Place[] = [];
  #stopping = false;

  constructor(deps: ForwardersDeps) {
    this.#deps = deps;
    this.#watchdog = new Watchdog({
      ...deps,
      running: () =>
        this.#places.flatMap(({index, process, startedAt}) =>
          process === null || startedAt === null ? [] : [{index, pid: process.pid, startedAt}],
        ),
      onStuck: ({index, pid}, silentMs) => this.#stuck(index, pid, silentMs),
    });
  }

  /** `sockets[i]`: the descriptors of forwarder i. `endOld` ends those that run on them now. */
  async start(sockets: readonly (readonly number[])[], endOld: () => Promise<void>): Promise<void> {
    const fresh = {process: null, startedAt: null, failures: 0};
    this.#places = sockets.map((descriptors, index) => ({index, descriptors, ...fresh}));
    const processes = this.#places.map((place) => this.#spawn(place));
    await Promise.all(processes.map((process) => this.#inTime(process, process.ready)));
    await endOld();
    for (const {index} of this.#places) this.#deps.segment.clearForwarder(index);
    await Promise.all(this.#places.map((place, n) => this.#run(place, processes[n] ?? this.#spawn(place))));
    this.#watchdog.start();
  }

  /** Ends all and closes their descriptors. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#watchdog.close();
    const processes = this.#places.flatMap((place) => (place.process ? [place.process] : []));
    for (const process of processes) process.stop('SIGTERM');
    const impatient = this.#deps.clock.after(STOP_DEADLINE_MS, () => {
      for (const process of processes) process.stop('SIGKILL');
    });
    await Promise.all(processes.map((process) => process.ended));
    impatient.cancel();
    for (const place of this.#places)
      place.descriptors.forEach((fd) => this.#deps.native.closeDescriptor(fd));
    this.#deps.record([]);
  }

  #spawn(place: Place): ForwarderProcess {
    const process = this.#deps.spawn(place.index, this.#deps.segment.descriptor, place.descriptors);
    place.process = process;
    place.startedAt = null;
    this.#record();
    return process;
  }

  #record(): void {
    const pids = this.#places.flatMap((place) => (place.process ? [place.process.pid] : []));
    try {
      this.#deps.record(pids.map((pid) => ({pid, startTime: this.#deps.native.processStartTime(pid)})));
    } catch (error) {
      // A full disk is no reason to be without forwarders: those that run are in the segment, too.
      this.#deps.log.error({error: messageOf(error)}, "cannot write down forwarders' process ids");
    }
  }

  /** A process that does not come so far is killed, and `step` rejects. */
  async #inTime(process: ForwarderProcess, step: Promise<void>): Promise<void> {
    const timer = this.#deps.clock.after(STEP_DEADLINE_MS, () => process.stop('SIGKILL'));
    try {
      await step;
    } finally {
      timer.cancel();
    }
  }

  /** Starts the loop of a process that is ready, and watches over it. Rejects if the loop cannot start. */
  async #run(place: Place, process: ForwarderProcess): Promise<void> {
    process.start();
    await this.#inTime(process, process.started);
    const startedAt = this.#deps.clock.now();
    place.startedAt = startedAt;
    this.#deps.onForwarder('forwarder-started', `${place.index}: pid ${process.pid}`);
    void process.ended.then((how) => {
      const healthy = this.#deps.clock.now() - startedAt >= HEALTHY_MS;
      this.#died(place, process, how, healthy);
    });
  }

  /** A stopped process ends by SIGKILL too; its end has it started again. */
  #stuck(index: number, pid: number, silentMs: number): void {
    const detail = `${index}: pid ${pid}, its loop has not turned for ${(silentMs / 1000).toFixed(1)} s`;
    this.#deps.onForwarder('forwarder-stuck', detail);
    this.#places[index]?.process?.stop('SIGKILL');
  }

  #died(place: Place, process: ForwarderProcess, how: string, healthy: boolean): void {
    if (this.#stopping || place.process !== process) return;
    place.process = null;
    place.failures = healthy ? 0 : place.failures + 1;
    this.#deps.onForwarder('forwarder-died', `${place.index}: pid ${process.pid}, ${how}`);
    const delay = place.failures < 2 ? 0 : FIRST_DELAY_MS * 2 ** Math.min(place.failures - 2, 6);
    if (delay === 0) void this.#restart(place);
    else this.#deps.clock.after(Math.min(delay, LONGEST_DELAY_MS), () => void this.#restart(place));
  }

  async #restart(place: Place): Promise<void> {
    if (this.#stopping) return;
    const process = this.#spawn(place);
    try {
      await this.#inTime(process, process.ready);
      // Stopping has signalled it already.
      if (!this.#stopping) await this.#run(place, process);
    } catch (error) {
      this.#deps.log.error({index: place.index, error: messageOf(error)}, 'forwarder did not start');
      process.stop('SIGKILL');
      this.#died(place, process, await process.ended, false);
    }
  }
}
