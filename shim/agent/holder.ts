// Who holds a port: a line for people, read only after a bind has failed.

import fs from 'node:fs/promises';
import type {AgentNative, SocketInfo} from '../../addon/agent.ts';
import type {Protocol} from '../../router/control/protocol.ts';

type Tables = Pick<AgentNative, 'listeners' | 'boundSockets' | 'datagramSockets'>;

/** All sockets of the protocol that are bound to the port, on any address. */
export function socketsOnPort(tables: Tables, protocol: Protocol, port: number): SocketInfo[] {
  const sockets =
    protocol === 'tcp' ? [...tables.listeners(), ...tables.boundSockets()] : tables.datagramSockets();
  return sockets.filter((socket) => socket.port === port);
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
export async function processWithInode(inode: number): Promise<string> {
  for (const pid of await fs.readdir('/proc')) {
    if (!/^\d+$/.test(pid) || !(await holdsInode(pid, inode))) continue;
    const name = await fs.readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '?');
    return `${name.trim()} (pid ${pid})`;
  }
  return 'an unknown process';
}

/** Why `address`:`port` is taken, in one line. */
export async function describeHolder(
  tables: Tables,
  protocol: Protocol,
  address: string,
  port: number,
): Promise<string> {
  const holder = socketsOnPort(tables, protocol, port).find((socket) =>
    [address, '0.0.0.0', '::'].includes(socket.address),
  );
  if (holder === undefined) return `port ${port}/${protocol} is held by another socket on ${address}`;
  const where = holder.address === '::' ? '[::]' : holder.address;
  return `port ${port}/${protocol} is held by ${await processWithInode(holder.inode)} on ${where}:${port}`;
}
