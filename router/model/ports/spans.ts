// Inclusive spans of port numbers, whatever the protocol, and where blocks may lie in one. Pure.

import {fnv1a} from '../../base/hash.ts';

export interface Span {
  first: number;
  last: number;
}

/** Blocks are whole multiples of this many ports, and begin at one: the unit of the forwarders' table. */
export const UNIT = 64;

export function overlaps(span: Span, others: readonly Span[]): boolean {
  return others.some((other) => other.first <= span.last && span.first <= other.last);
}

export function isWhole({first, last}: Span): boolean {
  return first < last && first % UNIT === 0 && (last + 1) % UNIT === 0;
}

/**
 * Every possible block of `size` ports inside `range`, in the order in which they are tried. Each name begins
 * elsewhere: should a router lose its checkpoint, two nodes hardly ever get the same.
 */
export function candidates(range: Span, size: number, name: string): Span[] {
  const lowest = Math.ceil(range.first / size);
  const count = Math.max(0, Math.floor((range.last + 1) / size) - lowest);
  const start = count === 0 ? 0 : fnv1a(name) % count;
  return Array.from({length: count}, (_, n) => {
    const first = (lowest + ((start + n) % count)) * size;
    return {first, last: first + size - 1};
  });
}
