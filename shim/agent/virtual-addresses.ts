// What NAT-mode sockets stand for: node port → virtual address, by socket cookie. Only a cache: the truth
// is the tag that each of them carries (addon/src/abi/socket_tag.h). An agent that was killed and started again reads it
// from a descriptor of any process that holds the socket, so there is no journal that could be lost or wrong.

import fs from 'node:fs';
import path from 'node:path';
import type {AgentNative, SocketFacts, SocketInfo, VirtualAddress} from '../../addon/agent.ts';
import type {Clock} from '../../router/base/clock.ts';
import type {Protocol} from '../../router/protocol/messages.ts';
import {descriptorsOf} from './port-owner.ts';

/** How long a socket without a tag is not looked at again. */
const UNTAGGED_MS = 10_000;

export const sameAddress = (a: VirtualAddress | null | undefined, b: VirtualAddress): boolean =>
  a !== null && a !== undefined && a.vip === b.vip && a.port === b.port;

/** The processes of a cgroup and of those below it. */
function processesOf(folder: string): number[] {
  try {
    const own = fs.readFileSync(path.join(folder, 'cgroup.procs'), 'utf8').split('\n').map(Number);
    const inner = fs.readdirSync(folder, {withFileTypes: true}).filter((entry) => entry.isDirectory());
    return [
      ...own.filter((pid) => pid > 0),
      ...inner.flatMap((entry) => processesOf(path.join(folder, entry.name))),
    ];
  } catch {
    return []; // it went meanwhile
  }
}

const allProcesses = (): number[] =>
  fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);

export class VirtualAddresses {
  readonly #native: Pick<AgentNative, 'virtualAddressIn'>;
  readonly #clock: Clock;
  readonly #byCookie = new Map<
    bigint,
    {name: VirtualAddress; protocol: SocketFacts['protocol']; nodePort: number}
  >();
  readonly #untagged = new Map<bigint, number>();
  /** "tcp 8080" → what that node port stood for last. */
  readonly #lastOn = new Map<string, VirtualAddress>();

  constructor(native: Pick<AgentNative, 'virtualAddressIn'>, clock: Clock) {
    this.#native = native;
    this.#clock = clock;
  }

  /** Takes a socket's name from the socket itself. */
  add(facts: Pick<SocketFacts, 'cookie' | 'protocol' | 'localPort' | 'virtualAddress'>): void {
    const {cookie, protocol, localPort: nodePort, virtualAddress: name} = facts;
    if (name === null) return;
    this.#byCookie.set(cookie, {name, protocol, nodePort});
    this.#lastOn.set(`${protocol} ${nodePort}`, name);
  }

  /** The socket is closed. Events can be lost: keepOnly covers that. */
  forget(cookie: bigint): void {
    this.#byCookie.delete(cookie);
  }

  /** May a socket that is known stand for this? False: none does. */
  mayStandFor(protocol: Protocol, name: VirtualAddress): boolean {
    return [...this.#byCookie.values()].some(
      (one) => one.protocol === protocol && sameAddress(one.name, name),
    );
  }

  /** May a socket that is known have this node port? False: none has. */
  mayHave(protocol: Protocol, nodePort: number): boolean {
    return [...this.#byCookie.values()].some((one) => one.protocol === protocol && one.nodePort === nodePort);
  }

  /** If the socket is known already. */
  known(cookie: bigint): VirtualAddress | null {
    return this.#byCookie.get(cookie)?.name ?? null;
  }

  /** What a socket of the instance in `folder` stands for; null if it has no tag, or nobody holds it. */
  of(socket: SocketInfo, folder: string): VirtualAddress | null {
    const known = this.known(socket.cookie);
    if (known !== null) return known;
    const seen = this.#untagged.get(socket.cookie);
    if (seen !== undefined && this.#clock.now() - seen < UNTAGGED_MS) return null;
    const found =
      this.#search(socket.inode, processesOf(folder)) ?? this.#search(socket.inode, allProcesses());
    if (found === null) this.#untagged.set(socket.cookie, this.#clock.now());
    else this.add({...socket, localPort: socket.port, virtualAddress: found});
    return found;
  }

  lastOn(protocol: Protocol, nodePort: number): VirtualAddress | null {
    return this.#lastOn.get(`${protocol} ${nodePort}`) ?? null;
  }

  /** Forgets all sockets but these. One that appears again is read again. */
  keepOnly(sockets: readonly SocketInfo[]): void {
    const alive = new Set(sockets.map((socket) => socket.cookie));
    for (const cookie of this.#byCookie.keys()) if (!alive.has(cookie)) this.#byCookie.delete(cookie);
    for (const cookie of this.#untagged.keys()) if (!alive.has(cookie)) this.#untagged.delete(cookie);
  }

  #search(inode: number, pids: readonly number[]): VirtualAddress | null {
    for (const pid of pids) {
      for (const descriptor of descriptorsOf(pid, inode)) {
        const name = this.#native.virtualAddressIn(pid, descriptor, inode);
        if (name !== null) return name;
      }
    }
    return null;
  }
}
