// The clients of test/network/tools: how those that go on are started and ended, and what they print.

import {z} from 'zod';
import {tool} from './testbed.ts';
import {waitUntil} from './wait.ts';
import type {Running} from './command.ts';
import type {Testbed} from './testbed.ts';

const failuresSchema = z.array(z.object({began: z.number(), error: z.string()}));
const countsSchema = z.record(z.string(), z.number());

/** request_loop.py */
export const loopSchema = z.object({answers: countsSchema, failures: failuresSchema});

/** transfers.py */
export const transfersSchema = z.object({done: countsSchema, bytes: z.number(), failures: failuresSchema});

/** downloads.py */
const downloadsSchema = z.array(
  z.object({
    client: z.string(),
    node: z.string(),
    bytes: z.number(),
    sha256: z.string(),
    gapMs: z.number(),
    seconds: z.number(),
    error: z.string().nullable(),
  }),
);
export type Download = z.infer<typeof downloadsSchema>[number];

/** upload.py */
export const uploadSchema = z.object({sent: z.string(), received: z.string(), node: z.string()});

/** udp_clients.py */
export const socketsSchema = z.array(
  z.object({
    nodes: z.array(z.string()),
    seen: z.array(z.string()),
    from: z.array(z.string()),
    lost: z.number(),
  }),
);

/** Of those that say first when they have started. */
function lastLine(text: string): unknown {
  return JSON.parse(text.trimEnd().split('\n').at(-1) ?? '');
}

/** Of the text that downloads.py has printed. */
export function parseDownloads(text: string): Download[] {
  return downloadsSchema.parse(lastLine(text));
}

/** `count` downloads by a host, each of which has begun when this resolves. */
export async function startDownloads(
  bed: Testbed,
  host: string,
  url: string,
  count: number,
): Promise<Running> {
  const downloads = bed.start(host, tool('downloads', url, count));
  await waitUntil('downloads are in progress', 10_000, () => downloads.stdout.includes('started'));
  return downloads;
}

/** What has become of running downloads, in the end. */
export async function downloadsOf(running: Running): Promise<Download[]> {
  return parseDownloads((await running.ended).stdout);
}

/** Tells a request loop without a count to end. */
export async function endLoop(loop: Running): Promise<z.infer<typeof loopSchema>> {
  loop.child.stdin?.end();
  return loopSchema.parse(JSON.parse((await loop.ended).stdout));
}

/** Tells transfers to end. */
export async function endTransfers(transfers: Running): Promise<z.infer<typeof transfersSchema>> {
  transfers.child.stdin?.end();
  return transfersSchema.parse(lastLine((await transfers.ended).stdout));
}
