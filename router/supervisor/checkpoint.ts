// The supervisor's checkpoint, kept with each policy: everything that the next supervisor needs to go on.

import {Memo} from '../base/memo.ts';
import {registryCheckpointSchema} from '../model/records.ts';
import type {RegistryCheckpoint} from '../model/records.ts';

export function encodeCheckpoint(registry: RegistryCheckpoint): Uint8Array {
  const {services, ...rest} = registry;
  // "services" is a list of thousands, of which few change: their JSON is kept.
  const head = `${opened(rest)}"services":[`;
  const list = services.flatMap((service, at) => (at === 0 ? [bytesOf(service)] : [COMMA, bytesOf(service)]));
  return Buffer.concat([Buffer.from(head), ...list, Buffer.from(']}')]);
}

const COMMA = Buffer.from(',');
const encoded = new Memo<object, Buffer>();

/** The JSON of an object that is never changed. */
function bytesOf(value: object): Buffer {
  return encoded.get(value, () => Buffer.from(JSON.stringify(value)));
}

/** An object's JSON to which more keys can be added: "{…,". */
function opened(value: object): string {
  return `${JSON.stringify(value).slice(0, -1)},`;
}

/** Throws if the bytes are no such thing (another version wrote them). */
export function decodeCheckpoint(bytes: Uint8Array): RegistryCheckpoint {
  return registryCheckpointSchema.parse(JSON.parse(Buffer.from(bytes).toString()));
}
