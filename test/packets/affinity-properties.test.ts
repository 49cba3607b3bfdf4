// Affinity as a whole: two services of one group on three nodes, clients that come, speak and fall silent, endpoints
// that close, drain, go and come again. A simple model says where each new connection must go.

import test from 'ava';
import fc from 'fast-check';
import type {Policy, PolicyService} from '../../addon/router.ts';
import {createMemoryRouter} from '../support/memory-router.ts';
import type {FrameOut, MemoryRouter} from '../support/memory-router.ts';
import {macBytes} from '../support/packet-headers.ts';
import {MAC, NODES, POLICY, TIMEOUTS, VIP, endpoint, fromClient} from './world.ts';

const PORTS = [80, 25];
const CLIENTS = 4;
const TIMEOUT = 100;
const SLOTS = PORTS.length * NODES.length;
const LONG = {...TIMEOUTS, syn: 1e6, established: 1e6};

type State = 'open' | 'closed' | 'keeps' | 'drains' | 'gone';
interface Choice {
  slot: number;
  generation: number;
  heard: number;
}

const nodeOf = (slot: number) => slot % NODES.length;
const slotsOf = (service: number) => NODES.map((_, node) => service * NODES.length + node);

/** Slot 3 s + n is the endpoint of service s on node n. */
class Model {
  readonly state: State[] = Array.from({length: SLOTS}, () => 'open');
  readonly generation: number[] = Array.from({length: SLOTS}, () => 1);
  readonly choices = new Map<number, Choice>();
  now = 0;

  become(slot: number, state: State): void {
    if (this.state[slot] === 'gone' && state !== 'gone') this.generation[slot]! += 1;
    this.state[slot] = state;
  }
  ring(service: number): number[] {
    return slotsOf(service).filter((slot) => this.state[slot] === 'open');
  }
  #isMember(slot: number): boolean {
    return this.state[slot] === 'open' || this.state[slot] === 'keeps';
  }
  policy(): Policy {
    const services = PORTS.map((port, slot): PolicyService => {
      const members = slotsOf(slot).filter((one) => this.#isMember(one));
      const affinity = {group: 1, prefix: 32, timeout: TIMEOUT, members};
      return {...POLICY.services[0]!, slot, port, ring: this.ring(slot), timeouts: LONG, affinity};
    });
    const endpoints = this.state.flatMap((state, slot) => {
      const node = nodeOf(slot);
      const change = {slot, node, generation: this.generation[slot]!, open: state !== 'closed'};
      return state === 'gone' ? [] : [endpoint(NODES[node]!, change)];
    });
    return {...POLICY, services, endpoints};
  }
  #remembered(client: number): Choice | undefined {
    const choice = this.choices.get(client);
    return choice !== undefined && this.now - choice.heard < TIMEOUT ? choice : undefined;
  }
  #holds({slot, generation}: Choice): boolean {
    return this.#isMember(slot) && this.generation[slot] === generation;
  }
  /** The node where a new connection must go; undefined: any of the ring. The choice is renewed. */
  due(client: number, service: number): number | undefined {
    const choice = this.#remembered(client);
    if (choice === undefined || !this.#holds(choice)) return undefined;
    choice.heard = this.now;
    const here = slotsOf(service).find((slot) => nodeOf(slot) === nodeOf(choice.slot));
    return here !== undefined && this.#isMember(here) ? nodeOf(here) : undefined;
  }
  chose(client: number, service: number, node: number): void {
    const choice = this.#remembered(client);
    if (choice !== undefined && this.#holds(choice)) return;
    this.learn(client, service * NODES.length + node);
  }
  learn(client: number, slot: number): void {
    this.choices.set(client, {slot, generation: this.generation[slot]!, heard: this.now});
  }
  /** A flow of the client to this endpoint is heard of. */
  heard(client: number, slot: number, generation: number): void {
    if (this.state[slot] === 'gone' || this.generation[slot] !== generation) return;
    const choice = this.#remembered(client);
    if (choice !== undefined) choice.heard = this.now;
    else if (this.#isMember(slot)) this.learn(client, slot);
  }
}

const step = fc.oneof(
  {weight: 8, arbitrary: fc.record({client: fc.nat(CLIENTS - 1), service: fc.nat(PORTS.length - 1)})},
  {weight: 4, arbitrary: fc.record({flow: fc.nat(30)})},
  {weight: 3, arbitrary: fc.record({seconds: fc.integer({min: 1, max: 120})})},
  {
    weight: 3,
    arbitrary: fc.record({
      slot: fc.nat(SLOTS - 1),
      becomes: fc.constantFrom<State>('open', 'open', 'closed', 'keeps', 'drains', 'gone'),
    }),
  },
);

function nodeThatGot(sent: FrameOut[]): number | null {
  const mac = sent[0]?.bytes.subarray(0, 6);
  const node = NODES.findIndex((name) => mac?.equals(macBytes(MAC[name])));
  return node < 0 ? null : node;
}

function send(router: MemoryRouter, flags: string, client: number, service: number, from: number) {
  const ends = {from: `10.9.0.${client + 1}`, to: VIP};
  const segment = fromClient.ipv4(ends).tcp({from, to: PORTS[service]!, flags});
  return nodeThatGot(router.receive(0, [segment.frame()]));
}

test('a client stays with its choice while that holds, and only then', (t) => {
  const seen = {stayed: 0, chose: 0, refused: 0};
  fc.assert(
    fc.property(fc.array(step, {minLength: 20, maxLength: 150}), (steps) => {
      const model = new Model();
      const router = createMemoryRouter();
      router.publish(model.policy());
      const flows: {client: number; service: number; from: number; slot: number; generation: number}[] = [];
      for (const [index, one] of steps.entries()) {
        if ('seconds' in one) {
          model.now += one.seconds;
          router.advance(one.seconds * 1000);
        } else if ('becomes' in one) {
          model.become(one.slot, one.becomes);
          router.publish(model.policy());
        } else if ('flow' in one) {
          const flow = flows[one.flow];
          if (flow === undefined) continue;
          // Each second counts once: this is the first packet of its.
          model.now += 1;
          router.advance(1000);
          send(router, 'A', flow.client, flow.service, flow.from);
          model.heard(flow.client, flow.slot, flow.generation);
        } else {
          const {client, service} = one;
          const ring = model.ring(service).map(nodeOf);
          const due = model.due(client, service);
          const node = send(router, 'S', client, service, 1000 + index);
          if (due !== undefined) t.is(node, due, `step ${index}`);
          else if (ring.length === 0) t.is(node, null, `step ${index}`);
          else t.true(node !== null && ring.includes(node), `step ${index}`);
          seen[due !== undefined ? 'stayed' : node === null ? 'refused' : 'chose'] += 1;
          if (node === null) continue;
          if (due === undefined) model.chose(client, service, node);
          const slot = service * NODES.length + node;
          flows.push({client, service, from: 1000 + index, slot, generation: model.generation[slot]!});
        }
      }
    }),
    {numRuns: 400},
  );
  for (const [what, times] of Object.entries(seen)) t.true(times > 30, `${what}: ${times}`);
});

test('clients spread over the nodes as the ring has them', (t) => {
  const model = new Model();
  const policy = model.policy();
  const [web] = policy.services;
  const router = createMemoryRouter();
  router.publish({...policy, services: [{...web!, ring: [0, 1, 0, 2, 0, 1, 0]}]});
  const got = [0, 0, 0];
  for (let client = 0; client < 210; client += 1)
    for (const from of [1, 2, 3]) {
      const node = send(router, 'S', client, 0, from)!;
      got[node]! += 1;
    }
  t.deepEqual(got, [360, 180, 90]);
});
