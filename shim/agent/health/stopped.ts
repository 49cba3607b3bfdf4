// Is there anybody who could serve a socket? A program that is stopped (SIGSTOP, a debugger) or whose cgroup is
// frozen (either version) still has its handshakes completed by the kernel.

import fs from 'node:fs';
import path from 'node:path';
import {descriptorsOf} from '../port-owner.ts';

/** A process that holds a socket, and by which descriptor. */
interface Holder {
  pid: number;
  descriptor: number;
}

function readText(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return ''; // it ended meanwhile
  }
}

/** All processes of an instance. */
function processesIn(folder: string): number[] {
  const own = readText(path.join(folder, 'cgroup.procs')).split('\n').filter(Boolean).map(Number);
  try {
    const inner = fs.readdirSync(folder, {withFileTypes: true}).filter((entry) => entry.isDirectory());
    return [...own, ...inner.flatMap(({name}) => processesIn(path.join(folder, name)))];
  } catch {
    return own;
  }
}

/** Where the freezer of cgroup v1 is, if there is one. */
export function findFreezer(mountinfo: string): string | null {
  for (const line of mountinfo.split('\n')) {
    const [left = '', right = ''] = line.split(' - ');
    if (/^cgroup .*\bfreezer\b/.test(right)) return left.split(' ')[4] ?? null;
  }
  return null;
}

export class StoppedCheck {
  readonly #freezer: string | null;
  /** Socket's inode → who was seen to hold it and to run. */
  readonly #holders = new Map<number, Holder>();

  constructor(mountinfo: string) {
    this.#freezer = findFreezer(mountinfo);
  }

  /** Why nobody serves the socket with this inode, made in the instance with this cgroup; null if somebody may. */
  check(inode: number, instance: string): string | null {
    if (/^frozen 1$/m.test(readText(path.join(instance, 'cgroup.events')))) return 'frozen: its cgroup';
    const known = this.#holders.get(inode);
    if (known && this.#holds(known, inode) && this.#obstacle(known.pid) === null) return null;
    this.#holders.delete(inode);
    let reason: string | null = null;
    for (const pid of processesIn(instance)) {
      const [descriptor] = descriptorsOf(pid, inode);
      if (descriptor === undefined) continue;
      const obstacle = this.#obstacle(pid);
      if (obstacle === null) {
        this.#holders.set(inode, {pid, descriptor});
        return null;
      }
      reason = obstacle;
    }
    return reason;
  }

  /** Forgets all sockets but these. */
  keepOnly(inodes: ReadonlySet<number>): void {
    for (const inode of this.#holders.keys()) if (!inodes.has(inode)) this.#holders.delete(inode);
  }

  #holds({pid, descriptor}: Holder, inode: number): boolean {
    try {
      return fs.readlinkSync(`/proc/${pid}/fd/${descriptor}`) === `socket:[${inode}]`;
    } catch {
      return false;
    }
  }

  /** Why a process cannot run now; null if it can. */
  #obstacle(pid: number): string | null {
    // The name, in brackets, may hold anything; the state follows the last one.
    const stat = readText(`/proc/${pid}/stat`);
    const state = stat.charAt(stat.lastIndexOf(')') + 2);
    if (state === 'T') return `stopped (SIGSTOP): process ${pid}`;
    if (state === 't') return `stopped by a debugger: process ${pid}`;
    if (state !== 'D' || this.#freezer === null) return null;
    const cgroup = /:freezer:(.*)$/m.exec(readText(`/proc/${pid}/cgroup`))?.[1];
    const isFrozen = readText(path.join(this.#freezer, cgroup ?? '', 'freezer.state')).startsWith('FRO');
    return isFrozen ? `frozen: the cgroup of process ${pid}` : null;
  }
}
