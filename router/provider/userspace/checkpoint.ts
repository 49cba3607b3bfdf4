// What is kept in the segment beside each policy, and comes into force with it: what this provider itself needs after a
// crash, as a line of JSON, and after it, unseen, what the supervisor gave.

import {z} from 'zod';

const FORMAT = 2;
const NEWLINE = 0x0a;

export const providerCheckpointSchema = z.strictObject({
  format: z.literal(FORMAT),
  interfaces: z.array(z.string()),
  activeVips: z.array(z.ipv4()),
  /** Whose MACs the kernel keeps for us. */
  neighbors: z.array(z.ipv4()),
  /** Of nodes and gateway, by address, as far as they are known. */
  macs: z.record(z.string(), z.string()),
});
export type ProviderCheckpoint = Omit<z.infer<typeof providerCheckpointSchema>, 'format'>;

export interface KeptBytes {
  own: ProviderCheckpoint;
  supervisor: Uint8Array;
}

export function encodeKept({own, supervisor}: KeptBytes): Uint8Array {
  return Buffer.concat([Buffer.from(`${JSON.stringify({format: FORMAT, ...own})}\n`), supervisor]);
}

/** Throws if the bytes are no such thing (another version wrote them). */
export function decodeKept(bytes: Uint8Array): KeptBytes {
  const end = bytes.indexOf(NEWLINE);
  const line = Buffer.from(bytes.subarray(0, end)).toString();
  const {format: _, ...own} = providerCheckpointSchema.parse(JSON.parse(line));
  return {own, supervisor: bytes.subarray(end + 1)};
}
