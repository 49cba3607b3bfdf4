// Which process holds a port or a socket. The line for people is made only after a bind has failed.

import {readdirSync, readlinkSync} from 'node:fs';
import fs from 'node:fs/promises';
import type {AgentNative, SocketInfo} from '../../addon/agent.ts';
import type {Protocol} from '../../router/protocol/messages.ts';

/** The dumps of all sockets that hold a port, but TCP connections. */
export type SocketTables = Pick<
  AgentNative,
  'listeners' | 'boundSockets' | 'datagramSockets' | 'connectedDatagramSockets'
>;

/** All of the protocol. */
export function boundSockets(tables: SocketTables, protocol: Protocol): SocketInfo[] {
  return protocol === 'tcp'
    ? [...tables.listeners(), ...tables.boundSockets()]
    : [...tables.datagramSockets(), ...tables.connectedDatagramSockets()];
}

/** Those that hold `address`:`port`, by a wildcard too. */
export function portOwners(sockets: readonly SocketInfo[], address: string, port: number): SocketInfo[] {
  return sockets.filter(
    (socket) => socket.port === port && [address, '0.0.0.0', '::'].includes(socket.address),
  );
}

/** The descriptors by which a process holds the socket with this inode. */
export function descriptorsOf(pid: number, inode: number): number[] {
  const folder = `/proc/${pid}/fd`;
  const isIt = (fd: string) => {
    try {
      return readlinkSync(`${folder}/${fd}`) === `socket:[${inode}]`;
    } catch {
      return false; // closed meanwhile
    }
  };
  try {
    return readdirSync(folder).filter(isIt).map(Number);
  } catch {
    return []; // it ended meanwhile
  }
}

async function holdsInode(pid: string, inode: number): Promise<boolean> {
  const wanted = `socket:[${inode}]`;
  try {
    for (const fd of await fs.readdir(`/proc/${pid}/fd`)) {
      if ((await fs.readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')) === wanted) return true;
    }
  } catch {
    // It ended meanwhile.
  }
  return false;
}

/** "nginx (pid 4711)", or "an unknown process" if none shows it (another pid namespace). */
export async function describeProcess(inode: number): Promise<string> {
  for (const pid of await fs.readdir('/proc')) {
    if (!/^\d+$/.test(pid) || !(await holdsInode(pid, inode))) continue;
    const name = await fs.readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '?');
    return `${name.trim()} (pid ${pid})`;
  }
  return 'an unknown process';
}

/** Why `address`:`port` is taken, in one line. */
export async function describePortOwner(
  tables: SocketTables,
  protocol: Protocol,
  address: string,
  port: number,
): Promise<string> {
  const [owner] = portOwners(boundSockets(tables, protocol), address, port);
  if (owner === undefined) return `port ${port}/${protocol} is held by another socket on ${address}`;
  const where = owner.address === '::' ? '[::]' : owner.address;
  return `port ${port}/${protocol} is held by ${await describeProcess(owner.inode)} on ${where}:${port}`;
}
