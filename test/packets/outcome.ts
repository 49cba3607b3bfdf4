// All that frames come to, so that two ways of giving them to a router can be compared.

import type {FrameIn, MemoryRouter} from '../support/memory-router.ts';
import {POLICY} from './world.ts';

/** What went out by each interface, and what is known and counted afterwards. */
export function outcome(router: MemoryRouter, ingress: number, batches: FrameIn[][]) {
  const sent = batches.flatMap((batch) => router.receive(ingress, batch));
  const interfaces = POLICY.interfaces.map((_, egress) => sent.filter((frame) => frame.egress === egress));
  return {interfaces, flows: router.flows(), counters: router.counters()};
}
