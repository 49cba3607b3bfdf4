// Payloads that go through a testbed whole: of http_server.py's /bytes, which are the same everywhere, and of
// upload.py. And what the router counts meanwhile.

import type {ExecutionContext} from 'ava';
import {statusViewSchema} from '../../router/protocol/views.ts';
import {parseDownloads, uploadSchema} from './clients.ts';
import {run} from './command.ts';
import {VIP, tool} from './testbed.ts';
import type {Testbed} from './testbed.ts';

const hashes = new Map<number, string>();

/** Of the first `size` bytes that every http_server.py sends. */
async function expectedHash(size: number): Promise<string> {
  const script = `import random,sys; b=random.Random(7400).randbytes(1<<20); n=${size}
while n: c=b[:n]; sys.stdout.buffer.write(c); n-=len(c)`;
  const known = hashes.get(size);
  if (known !== undefined) return known;
  const {stdout} = await run(['sh', '-c', `python3 -c '${script}' | sha256sum`]);
  hashes.set(size, stdout.slice(0, 64));
  return stdout.slice(0, 64);
}

/** One download of `size` bytes by a host, compared with what was to come. */
export async function download(
  t: ExecutionContext,
  bed: Testbed,
  host: string,
  size: number,
  vip = VIP,
): Promise<void> {
  const [one] = parseDownloads(await bed.in(host, tool('downloads', `http://${vip}/bytes/${size}`, 1)));
  t.is(one?.error, null, `download by ${host}`);
  t.is(one?.sha256, await expectedHash(size), `download by ${host}`);
}

/** One upload of `size` bytes by a host, compared with what the server received. */
export async function upload(
  t: ExecutionContext,
  bed: Testbed,
  host: string,
  size: number,
  vip = VIP,
): Promise<void> {
  const one = await bed.json(uploadSchema, host, tool('upload', `http://${vip}/`, size));
  t.is(one.received, one.sent, `upload by ${host}`);
}

/** What the router has counted so far, by the names of addon/src/abi/counters.h. */
export async function counters(bed: Testbed): Promise<(name: string) => number> {
  const status = await bed.json(statusViewSchema, 'router', ['coscanet', 'status', '--json']);
  return (name) => {
    const value = status.counters[name];
    if (value === undefined) throw new Error(`no counter ${name}`);
    return value;
  };
}
