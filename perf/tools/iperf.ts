// iperf3: as many bytes as fit through one TCP connection.

import {z} from 'zod';
import type {Host} from '../lab/host.ts';

const reportSchema = z.object({
  end: z.object({sum_received: z.object({bits_per_second: z.number()})}),
});

export interface BulkLoad {
  address: string;
  port: number;
  seconds: number;
  /** down: the server sends. */
  way: 'up' | 'down';
}

/** Bits per second that arrived. */
export async function iperf(client: Host, {address, port, seconds, way}: BulkLoad): Promise<number> {
  const words = ['iperf3', '-J', '-c', address, '-p', String(port), '-t', String(seconds)];
  if (way === 'down') words.push('-R');
  const text = await client.run(words, {seconds: seconds + 10});
  return reportSchema.parse(JSON.parse(text)).end.sum_received.bits_per_second;
}
