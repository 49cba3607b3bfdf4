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
  const memory: Memory = {format: 1, registry, provider};
  return Buffer.from(JSON.stringify(memory));
}

/** Throws if the bytes are not such a memory (another version wrote them). */
export function decodeMemory(bytes: Uint8Array): Memory {
  return memorySchema.parse(JSON.parse(Buffer.from(bytes).toString()));
}
