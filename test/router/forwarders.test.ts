// Forwarder processes: started again when they die, slower when they die again and again, and handed over
// without two loops ever running on one ring.

import test from 'ava';
import type {ForwarderInfo} from '../../addon/router.ts';
import {silentLogger} from '../../router/base/logger.ts';
import {EventLog} from '../../router/supervisor/event-log.ts';
import {Forwarders} from '../../router/provider/userspace/dataplane/forwarders.ts';
import type {ProcessId} from '../../router/provider/userspace/dataplane/processes.ts';
import {endProcesses} from '../../router/provider/userspace/dataplane/processes.ts';
import {obtainSockets} from '../../router/provider/userspace/dataplane/sockets.ts';
import type {ForwarderProcess} from '../../router/provider/userspace/dataplane/spawn.ts';
import {FakeClock, settled} from './fake-clock.ts';
import {FakeNative} from './fake-native.ts';

/** A forwarder process that does what the test says. */
class FakeProcess implements ForwarderProcess {
  readonly index: number;
  readonly pid: number;
  readonly sockets: readonly number[];
  readonly ready: Promise<void>;
  readonly started: Promise<void>;
  readonly ended: Promise<string>;
  becomeReady: () => void = () => {};
  die: (how: string) => void = () => {};
  #start: () => void = () => {};
  readonly #startable: boolean;
  starts = 0;

  constructor(index: number, pid: number, sockets: readonly number[], startable: boolean) {
    this.#startable = startable;
    this.index = index;
    this.pid = pid;
    this.sockets = sockets;
    this.ended = new Promise((resolve) => (this.die = resolve));
    const failed = (reject: (error: Error) => void) => void this.ended.then((how) => reject(new Error(how)));
    this.ready = new Promise((resolve, reject) => ((this.becomeReady = resolve), failed(reject)));
    this.started = new Promise((resolve, reject) => ((this.#start = resolve), failed(reject)));
    this.ready.catch(() => {});
    this.started.catch(() => {});
  }

  start(): void {
    this.starts++;
    if (this.#startable) this.#start();
  }
  stop(signal: string): void {
    this.die(`signal ${signal}`);
  }
}

/** `startable`: does the loop of the n-th process run when it is told to? */
function stage({autoReady = true, startable = (_n: number): boolean => true} = {}) {
  const clock = new FakeClock();
  const native = new FakeNative();
  const events = new EventLog(clock, silentLogger);
  const spawned: FakeProcess[] = [];
  /** Process id → milliseconds since its loop turned last; null: never. */
  const silences = new Map<number, number | null>();
  const recorded: ProcessId[][] = [];
  const full = {disk: false};
  native.segment.forwarders = () =>
    spawned.flatMap(({index, pid}) => {
      const heartbeatAgeMs = silences.get(pid) ?? 0;
      return silences.get(pid) === null
        ? []
        : [{index, pid, startTime: pid, heartbeatAgeMs, descriptors: []}];
    });
  const forwarders = new Forwarders({
    native,
    segment: native.segment,
    clock,
    log: silentLogger,
    spawn: (index, _segment, sockets) => {
      const process = new FakeProcess(index, 1000 + spawned.length, sockets, startable(spawned.length));
      spawned.push(process);
      if (autoReady) process.becomeReady();
      return process;
    },
    record: (ids) => {
      if (full.disk) throw new Error('ENOSPC: no space left on device');
      recorded.push([...ids]);
    },
    onForwarder: (event, detail) => events.add({event, detail}),
  });
  const running = () => spawned.filter((one) => one.starts > 0).length;
  return {clock, native, events, spawned, silences, recorded, full, forwarders, running};
}

test('a dead forwarder starts at once on the same descriptors', async (t) => {
  const {clock, spawned, forwarders, events, recorded} = stage();
  await forwarders.start(
    [
      [4, 5],
      [6, 7],
    ],
    async () => {},
  );
  await clock.advance(5000);
  spawned[1]?.die('signal SIGKILL');
  await settled();
  t.is(spawned.length, 3);
  t.deepEqual(spawned[2]?.sockets, [6, 7]);
  t.is(spawned[2]?.starts, 1);
  t.deepEqual(
    recorded.at(-1)?.map((id) => id.pid),
    [1000, 1002],
  );
  t.deepEqual(
    events.list().map((one) => one.detail),
    ['0: pid 1000', '1: pid 1001', '1: pid 1001, signal SIGKILL', '1: pid 1002'],
  );
});

test('a dead forwarder starts though the disk is full', async (t) => {
  const {clock, spawned, forwarders, full} = stage();
  await forwarders.start([[4]], async () => {});
  full.disk = true;
  await clock.advance(5000);
  spawned[0]?.die('signal SIGKILL');
  await settled();
  t.is(spawned.length, 2);
  t.is(spawned[1]?.starts, 1);
  full.disk = false;
  await forwarders.stop();
});

test('one that dies again and again is started ever more slowly, one that lived for a second is not', async (t) => {
  const {clock, spawned, forwarders} = stage();
  await forwarders.start([[4]], async () => {});
  const delays: number[] = [];
  for (let n = 0; n < 9; n++) {
    spawned.at(-1)?.die('status 1');
    await settled();
    let waited = 0;
    while (spawned.length < n + 2) {
      await clock.advance(50);
      waited += 50;
    }
    delays.push(waited);
  }
  t.deepEqual(delays, [0, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
  await clock.advance(1000);
  const count = spawned.length;
  spawned.at(-1)?.die('status 1');
  await settled();
  t.is(spawned.length, count + 1);
});

test('one that never gets ready is ended and tried again', async (t) => {
  const {clock, spawned, forwarders} = stage({autoReady: false});
  const started = forwarders.start([[4]], async () => {});
  spawned[0]?.becomeReady();
  await started;
  await clock.advance(5000);
  spawned[0]?.die('status 1');
  await settled();
  await clock.advance(10_000);
  await clock.advance(1000);
  t.is(spawned.length, 3);
});

test('stopping ends all, closes the descriptors and starts nothing', async (t) => {
  const {clock, spawned, forwarders, native, recorded} = stage();
  await forwarders.start(
    [
      [4, 5],
      [6, 7],
    ],
    async () => {},
  );
  await forwarders.stop();
  await clock.advance(10_000);
  t.is(spawned.length, 2);
  t.deepEqual(native.closed, [4, 5, 6, 7]);
  t.deepEqual(recorded.at(-1), []);
});

test('hand-over: the new are ready, then the old end, then the new start', async (t) => {
  const {spawned, forwarders, native, running} = stage({autoReady: false});
  const order: string[] = [];
  const started = forwarders.start([[4], [5]], async () => {
    // They take their time.
    await settled();
    order.push(`old end while ${running()} new run`);
  });
  await settled();
  t.deepEqual(order, []);
  for (const process of spawned) process.becomeReady();
  await started;
  t.deepEqual(order, ['old end while 0 new run']);
  t.deepEqual(native.segment.cleared, [0, 1]);
  t.is(running(), 2);
});

test('one that is stuck is killed, and the next one starts when it has ended', async (t) => {
  const {clock, spawned, silences, forwarders, events} = stage();
  await forwarders.start([[4], [5]], async () => {});
  const [stuck] = spawned;
  const signals: string[] = [];
  // SIGKILL takes its time: it may be in the kernel.
  stuck!.stop = (signal) => void signals.push(signal);
  silences.set(1000, 2000).set(1001, 1999);
  await clock.advance(3000);
  t.deepEqual(signals, ['SIGKILL']);
  t.is(spawned.length, 2);
  stuck?.die('signal SIGKILL');
  await settled();
  t.is(spawned.length, 3);
  t.deepEqual(spawned[2]?.sockets, [4]);
  t.deepEqual(
    events
      .list()
      .slice(2)
      .map(({event, detail}) => [event, detail]),
    [
      ['forwarder-stuck', '0: pid 1000, its loop has not turned for 2.0 s'],
      ['forwarder-died', '0: pid 1000, signal SIGKILL'],
      ['forwarder-started', '0: pid 1002'],
    ],
  );
  await forwarders.stop();
});

test('one whose loop never turns after its start is stuck too', async (t) => {
  const {clock, spawned, silences, forwarders} = stage();
  silences.set(1000, null);
  await forwarders.start([[4]], async () => {});
  await clock.advance(2000);
  t.is(spawned.length, 1);
  await clock.advance(500);
  t.is(spawned.length, 2);
  await forwarders.stop();
});

test('a silence that is over at the next look is none: the whole machine slept', async (t) => {
  const {clock, spawned, silences, forwarders} = stage();
  await forwarders.start([[4]], async () => {});
  silences.set(1000, 60_000);
  await clock.advance(250);
  silences.set(1000, 40);
  await clock.advance(250);
  silences.set(1000, 60_000);
  await clock.advance(250);
  silences.set(1000, 40);
  await clock.advance(1000);
  t.is(spawned.length, 1);
  await forwarders.stop();
});

test('nobody is judged by a supervisor that was late itself', async (t) => {
  const {clock, spawned, silences, forwarders} = stage();
  await forwarders.start([[4]], async () => {});
  silences.set(1000, 5000);
  await clock.advance(250);
  clock.stall(10_000);
  await clock.advance(0);
  t.is(spawned.length, 1);
  await clock.advance(250);
  t.is(spawned.length, 2);
  await forwarders.stop();
});

test('one that does not get so far that its loop runs is ended', async (t) => {
  const {clock, spawned, forwarders} = stage({startable: (n) => n !== 1});
  await forwarders.start([[4]], async () => {});
  await clock.advance(1000);
  spawned[0]?.die('status 1');
  await clock.advance(9999);
  t.is(spawned.length, 2);
  await clock.advance(1000);
  t.is(await spawned[1]?.ended, 'signal SIGKILL');
  t.is(spawned.length, 3);
  await forwarders.stop();
});

const living = (index: number, descriptors = [4, 5]): ForwarderInfo => ({
  index,
  pid: 50 + index,
  startTime: 50 + index,
  heartbeatAgeMs: 3,
  descriptors,
});

function source(forwarders: ForwarderInfo[], dead: number[] = []) {
  const native = new FakeNative();
  native.segment.forwarderList = forwarders;
  const ended: number[] = [];
  const processes = {
    alive: ({pid}: ProcessId) => pid > 0 && !dead.includes(pid) && !ended.includes(pid),
    kill: ({pid}: ProcessId) => void ended.push(pid),
  };
  return {
    native,
    ended,
    deps: {native, segment: native.segment, processes, clock: new FakeClock(), log: silentLogger},
  };
}
const names = ['eth0', 'eth1'];

test('descriptors of living forwarders are taken over, in their order', async (t) => {
  const {deps, ended} = source([living(1), living(0)]);
  const sockets = await obtainSockets(deps, names, 2, [living(0), living(1)], true);
  t.deepEqual(sockets.byForwarder, [
    [50_004, 50_005],
    [51_004, 51_005],
  ]);
  t.deepEqual(ended, []);
  await sockets.endOld();
  t.deepEqual(ended, [50, 51]);
});

const anew: [string, ForwarderInfo[], number, number[], boolean][] = [
  ['none lives', [], 2, [], true],
  ['one of them is dead', [living(0), living(1)], 2, [51], true],
  ['another number is wanted', [living(0), living(1)], 1, [], true],
  ['another interface', [living(0), living(1)], 2, [], false],
  ['one-armed before', [living(0, [4]), living(1, [4])], 2, [], true],
];
for (const [title, forwarders, count, dead, same] of anew)
  test(`sockets are opened anew, after the old forwarders ended: ${title}`, async (t) => {
    const {deps, ended} = source(forwarders, dead);
    const left = forwarders.filter((one) => !dead.includes(one.pid));
    const sockets = await obtainSockets(deps, names, count, left, same);
    t.is(sockets.byForwarder.length, count);
    t.true(sockets.byForwarder.every((two) => two.length === 2 && two.every((fd) => fd >= 100 && fd < 200)));
    t.deepEqual(
      ended,
      left.map((one) => one.pid),
    );
  });

test('a take-over that fails half way closes what it took', async (t) => {
  const {deps, native} = source([living(0), living(1)]);
  const take = native.takeDescriptors.bind(native);
  native.takeDescriptors = (pid, start, descriptors) => {
    if (pid === 51) throw Object.assign(new Error('gone'), {code: 'ESRCH'});
    return take(pid, start, descriptors);
  };
  const sockets = await obtainSockets(deps, names, 2, [living(0), living(1)], true);
  t.deepEqual(native.closed, [50_004, 50_005]);
  t.is(sockets.byForwarder[0]?.[0], 100);
});

test('a process that does not end is an error, not a second loop', async (t) => {
  const clock = new FakeClock();
  const stubborn = {alive: () => true, kill: () => {}};
  const ended = t.throwsAsync(endProcesses([{pid: 9, startTime: 1}], stubborn, clock), {
    message: /process 9 does not end/,
  });
  await clock.advance(3000);
  await ended;
});
