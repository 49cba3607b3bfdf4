// Where the product sends packets of flows that it does not know, calculated a second time: rows that depend on a hash ask here,
// and none knows one by heart.

import {CLIENT, VIP} from './world.ts';
import type {Node} from './world.ts';

const MASK = (1n << 64n) - 1n;
/** Of the memory router (test/native/addon/memory_router.cc). */
const KEY = [0x0706050403020100n, 0x0f0e0d0c0b0a0908n] as const;

/** NH of two words, under the memory router's key (addon/src/abi/hash.h). */
function nh(a: bigint, b: bigint): bigint {
  const half = (word: bigint, key: bigint, shift: bigint) => ((word >> shift) + (key >> shift)) & 0xffffffffn;
  const product = (word: bigint, key: bigint) => half(word, key, 0n) * half(word, key, 32n);
  return product(a, KEY[0] ^ 0x243f6a8885a308d3n) + product(b, KEY[1] ^ 0x13198a2e03707344n);
}

function mix(sum: bigint): bigint {
  const first = (sum * 0x9e3779b97f4a7c15n) & MASK;
  const second = ((first ^ (first >> 32n)) * 0xd6e8feb86659fd93n) & MASK;
  return second ^ (second >> 32n);
}

/** Words by twos. */
const keyedHash = (words: readonly [bigint, bigint][]) =>
  words.reduce((hash, [a, b]) => mix(hash + nh(a, b)), 0n);

const addressWord = (address: string) => BigInt(Buffer.from(address.split('.').map(Number)).readUInt32LE());

/** The hash of a flow. `protocol`: its number. */
function flowHash(flow: {
  protocol: number;
  client: string;
  clientPort: number;
  vip: string;
  port: number;
}): bigint {
  const ports = (BigInt(flow.protocol) << 32n) | (BigInt(flow.clientPort) << 16n) | BigInt(flow.port);
  return keyedHash([[addressWord(flow.client) | (addressWord(flow.vip) << 32n), ports]]);
}

/** The hash of a client in a group of services that keep it, counted by its whole address. */
export function clientHash(client: string, group: number): bigint {
  const mapped = (addressWord(client) << 32n) | 0xffff0000n;
  return keyedHash([
    [0n, mapped],
    [BigInt(group), MASK],
    [0n, 0n],
  ]);
}

/** What the hash chooses from a ring. */
export function fromRing<T>(hash: bigint, ring: readonly T[]): T {
  return ring[Number((hash >> 32n) % BigInt(ring.length))]!;
}

/** Where the client's packets to 80/tcp go by their hash: node1 and node2 are in the ring. */
export function hashChoice(clientPort = 40000): {forward: Node} {
  const hash = flowHash({protocol: 6, client: CLIENT, clientPort, vip: VIP, port: 80});
  return {forward: fromRing(hash, ['node1', 'node2'] as const)};
}

/** Which of the slots of one node the hash of a client chooses: that of the highest score. */
export function fromNode(hash: bigint, slots: readonly number[]): number {
  const score = (slot: number) => {
    const mixed = ((hash ^ BigInt(slot)) * 0x9e3779b97f4a7c15n) & MASK;
    return Number((mixed ^ (mixed >> 32n)) & 0xffffffffn);
  };
  return [...slots].sort((a, b) => score(b) - score(a))[0]!;
}
