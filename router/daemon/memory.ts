// What is kept beside each published policy: everything that the next supervisor needs to go on.

import {z} from 'zod';
import {registryMemorySchema} from '../model/records.ts';
import type {RegistryMemory} from '../model/records.ts';
import {providerMemorySchema} from '../provider/userspace/userspace.ts';
import type {ProviderMemory} from '../provider/userspace/userspace.ts';

const memorySchema = z.strictObject({
  format: z.literal(1),
  registry: registryMemorySchema,
  provider: providerMemorySchema,
});
export type Memory = z.infer<typeof memorySchema>;

export function encodeMemory(registry: RegistryMemory, provider: ProviderMemory): Uint8Array {
  const {services, ...rest} = registry;
  const memory: Omit<Memory, 'registry'> = {format: 1, provider};
  // "services" is a list of thousands, of which few change: their JSON is kept.
  const head = `${opened(memory)}"registry":${opened(rest)}"services":[`;
  const list = services.flatMap((service, at) => (at === 0 ? [bytesOf(service)] : [COMMA, bytesOf(service)]));
  return Buffer.concat([Buffer.from(head), ...list, Buffer.from(']}}')]);
}

const COMMA = Buffer.from(',');
const known = new WeakMap<object, Buffer>();

/** The JSON of an object that is never changed. */
function bytesOf(value: object): Buffer {
  const before = known.get(value);
  if (before !== undefined) return before;
  const bytes = Buffer.from(JSON.stringify(value));
  known.set(value, bytes);
  return bytes;
}

/** An object's JSON to which more keys can be added: "{…,". */
function opened(value: object): string {
  return `${JSON.stringify(value).slice(0, -1)},`;
}

/** Throws if the bytes are not such a memory (another version wrote them). */
export function decodeMemory(bytes: Uint8Array): Memory {
  return memorySchema.parse(JSON.parse(Buffer.from(bytes).toString()));
}
