// A router without its supervisor, for tests of the packet device: it runs inside a network namespace, holds the
// segment and the packet sockets, and starts forwarders as processes that inherit them. It is told what to do
// over Node's IPC channel; testnet.ts is the other end.

import {spawn} from 'node:child_process';
import type {ChildProcess} from 'node:child_process';
import {fileURLToPath} from 'node:url';
import {native} from '../../addon/index.ts';
import type {
  Flow,
  ForwarderInfo,
  PacketSocketOptions,
  Policy,
  Segment,
  TcpProbe,
} from '../../addon/router.ts';

export interface ForwarderEnd {
  index: number;
  /** How its process ended: "stopped", the code of its error, or the signal. */
  how: string;
}

interface Running {
  child: ChildProcess;
  ended: Promise<ForwarderEnd>;
}

const sides: number[][] = [];
const running = new Map<number, Running>();
let segment: Segment;

function startForwarder(index: number): number {
  const sockets = sides.map((side) => side[index]!);
  const script = fileURLToPath(new URL('forwarder-process.js', import.meta.url));
  const child = spawn(process.execPath, [script, String(index), String(sockets.length)], {
    stdio: ['ignore', 'pipe', 'inherit', segment.descriptor, ...sockets],
  });
  let said = '';
  child.stdout!.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const ended = new Promise<ForwarderEnd>((resolve) => {
    child.on('close', (status, signal) =>
      resolve({index, how: signal ?? (said.trim() || `status ${status}`)}),
    );
  });
  running.set(index, {child, ended});
  return child.pid!;
}

async function killForwarder(index: number, signal: NodeJS.Signals): Promise<ForwarderEnd> {
  const {child, ended} = running.get(index)!;
  child.kill(signal);
  return ended;
}

/** As a supervisor that has lost its own descriptors takes those of a living forwarder. */
function takeOver(index: number): number[] {
  const {pid, startTime, descriptors} = segment.forwarders()[index]!;
  const taken = native.takeDescriptors(pid, startTime, descriptors);
  for (const [side, fd] of taken.entries()) {
    native.closeDescriptor(sides[side]![index]!);
    sides[side]![index] = fd;
  }
  return taken;
}

export const actions = {
  open(path: string, sockets: PacketSocketOptions[], policy: Policy): void {
    segment = native.openSegment(path, {
      flows: 1024,
      endpoints: 64,
      services: 64,
      vips: 16,
      registryBytes: 64,
    });
    segment.publish(policy, new Uint8Array());
    sides.push(...sockets.map((options) => native.openPacketSockets(options)));
  },
  publish: (policy: Policy): number => segment.publish(policy, new Uint8Array()),
  startForwarder,
  killForwarder,
  forwarderEnd: (index: number): Promise<ForwarderEnd> => running.get(index)!.ended,
  takeOver,
  takeDescriptors: (pid: number, startTime: number, fds: number[]) =>
    native.takeDescriptors(pid, startTime, fds),
  counters: (): Record<string, number> => segment.counters(),
  flows: (): Flow[] => segment.flows(),
  forwarders: (): ForwarderInfo[] => segment.forwarders(),
  detectAddressConflict: (side: string, address: string) =>
    native.detectAddressConflict(side, address, 2, 100),
  announceAddress: (side: string, address: string) => native.announceAddress(side, address),
  tcpProbe: (probe: TcpProbe) => native.tcpProbe(probe),
};

export interface Request {
  id: number;
  action: keyof typeof actions;
  args: unknown[];
}
export type Response = {id: number; result: unknown} | {id: number; error: {message: string; code?: string}};

async function handle({id, action, args}: Request): Promise<Response> {
  try {
    const call = actions[action] as (...given: unknown[]) => unknown;
    return {id, result: await call(...args)};
  } catch (error) {
    const {message, code} = error as NodeJS.ErrnoException;
    return {id, error: {message, ...(code === undefined ? {} : {code})}};
  }
}

process.on('message', (request: Request) => {
  void handle(request).then((response) => {
    if (process.connected) process.send!(response);
  });
});
process.on('disconnect', () => {
  for (const {child} of running.values()) child.kill('SIGKILL');
  process.exitCode = 0;
});
