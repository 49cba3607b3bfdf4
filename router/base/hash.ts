// FNV-1a, 32 bits (Fowler, Noll and Vo): spreads names evenly; anyone can choose names that collide.

const OFFSET_BASIS = 0x811c9dc5;
const PRIME = 0x01000193;

/** Of the text's UTF-8 bytes; 0 … 2^32-1. */
export function fnv1a(text: string): number {
  let hash = OFFSET_BASIS;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, PRIME) >>> 0;
  return hash;
}
