// Compiles routes into the tables that C++ executes. Pure: the part of a route is computed again only when the route or
// a next hop of its nodes has changed, and is the same object until then.

import type {
  Policy,
  PolicyBlock,
  PolicyEndpoint,
  PolicyInterface,
  PolicyService,
  PolicyVip,
} from '../../addon/router.ts';
import {Memo} from '../base/memo.ts';
import type {DesiredState, Route, RouteEndpoint} from './desired-state.ts';
import {compileRing, MAX_RING} from './schedule.ts';

/** Where frames to a node go: its MAC and the index of the interface that reaches it. */
export interface NextHop {
  mac: string;
  egress: number;
}

export interface CompilerInput {
  /** What nodes send to clients passes the router (NAT). */
  routes: boolean;
  /** Where it leaves when nothing else is known; null: nowhere. */
  gateway: NextHop | null;
  interfaces: PolicyInterface[];
  vips: PolicyVip[];
  desired: DesiredState;
  /** null: not known (yet); such an endpoint gets no flows. */
  nextHopOf(address: string): NextHop | null;
}

export interface Compiled {
  policy: Policy;
  /** Slots of the endpoints that get new flows. */
  scheduled: Set<number>;
  /** VIPs behind which an open endpoint, or a port of a node's own, can be reached. */
  served: Set<string>;
}

/** What is made of one route. */
interface Part {
  nextHops: readonly (NextHop | null)[];
  bound: number;
  endpoints: PolicyEndpoint[];
  service: PolicyService;
  scheduled: number[];
  reached: boolean;
}

/** Where frames of an endpoint would go whose node was never found: nowhere; C++ never schedules it. */
const NO_MAC = '00:00:00:00:00:00';

export class Compiler {
  readonly #ringSlots: number;
  readonly #parts = new Memo<Route, Part>();
  /** The same object as long as the next hop is the same. */
  readonly #nextHops = new Map<string, NextHop | null>();

  /** `ringSlots`: room for all rings together. */
  constructor(ringSlots: number) {
    this.#ringSlots = ringSlots;
  }

  compile(input: CompilerInput): Compiled {
    const {routes, gateway, interfaces, vips, desired} = input;
    const nextHopOf = this.#nextHopsOf(input);
    let parts = this.#compileRoutes(desired.routes, nextHopOf, MAX_RING);
    for (let bound = MAX_RING / 2; bound >= 1 && this.#tooLarge(parts); bound /= 2)
      parts = this.#compileRoutes(desired.routes, nextHopOf, bound);
    const {awaitImports} = desired;
    const blocks = blocksOf(desired, nextHopOf);
    const gate = gateway === null ? {} : {gateway};
    const endpoints: PolicyEndpoint[] = [];
    const scheduled = new Set<number>();
    for (const part of parts) {
      endpoints.push(...part.endpoints);
      for (const slot of part.scheduled) scheduled.add(slot);
    }
    const services = parts.map((part) => part.service);
    const reached = parts.filter((part) => part.reached).map((part) => part.service);
    return {
      policy: {routes, awaitImports, ...gate, interfaces, vips, endpoints, services, blocks},
      scheduled,
      served: new Set([...reached, ...blocks].map((one) => one.vip)),
    };
  }

  /** Asks for each next hop once. */
  #nextHopsOf(input: CompilerInput): (address: string) => NextHop | null {
    const {desired} = input;
    const addresses = new Set(desired.blocks.map((one) => one.address));
    for (const route of desired.routes) for (const one of route.endpoints) addresses.add(one.address);
    for (const address of this.#nextHops.keys()) if (!addresses.has(address)) this.#nextHops.delete(address);
    for (const address of addresses) {
      const [before, now] = [this.#nextHops.get(address), input.nextHopOf(address)];
      const same = before && now && before.mac === now.mac && before.egress === now.egress;
      if (!same) this.#nextHops.set(address, now);
    }
    return (address) => this.#nextHops.get(address) ?? null;
  }

  #tooLarge(parts: readonly Part[]): boolean {
    return parts.reduce((total, part) => total + part.service.ring.length, 0) > this.#ringSlots;
  }

  #compileRoutes(routes: readonly Route[], nextHopOf: CompilerInput['nextHopOf'], bound: number): Part[] {
    return routes.map((route) => {
      const compute = () => compileRoute(route, nextHopOf, bound);
      return this.#parts.get(route, compute, (part) => part.bound === bound && fits(part, route, nextHopOf));
    });
  }
}

function fits({nextHops}: Part, {endpoints}: Route, nextHopOf: CompilerInput['nextHopOf']): boolean {
  return endpoints.every((one, at) => nextHopOf(one.address) === nextHops[at]);
}

function compileRoute(route: Route, nextHopOf: CompilerInput['nextHopOf'], bound: number): Part {
  const nextHops = route.endpoints.map((one) => nextHopOf(one.address));
  const {slot, vip, protocol, port, timeouts, affinity} = route;
  const reached = route.endpoints.filter((one, at) => one.open && nextHops[at]);
  const usable = reached.filter((one) => one.weight > 0);
  const service = {slot, vip, protocol, port, ring: ringOf(usable, bound), timeouts};
  return {
    nextHops,
    bound,
    endpoints: route.endpoints.map((one, at) => endpointOf(route, one, nextHops[at] ?? null)),
    service: affinity ? {...service, affinity: {...affinity, members: membersOf(reached)}} : service,
    scheduled: usable.map((one) => one.slot),
    reached: reached.length > 0,
  };
}

function endpointOf(route: Route, one: RouteEndpoint, nextHop: NextHop | null): PolicyEndpoint {
  const {slot, generation, address, nodePort, open, outboundOnly, node} = one;
  const {protocol, vip, port: vipPort} = route;
  const hop = nextHop ?? {mac: NO_MAC, egress: 0};
  const endpoint = {
    slot,
    generation,
    ...hop,
    open,
    ...(outboundOnly ? {outboundOnly} : {}),
    ...(node === undefined ? {} : {node}),
  };
  if (nodePort === undefined) return endpoint;
  return {...endpoint, nat: {protocol, node: address, nodePort, vip, vipPort}};
}

/** Slots of endpoints that a client may stay with. */
function membersOf(reached: readonly RouteEndpoint[]): number[] {
  return reached.filter((one) => one.weight > 0 || one.affinityMember).map((one) => one.slot);
}

/** Those whose node can be reached. */
function blocksOf(desired: DesiredState, nextHopOf: CompilerInput['nextHopOf']): PolicyBlock[] {
  return desired.blocks.flatMap(({vip, first, last, address}) => {
    const nextHop = nextHopOf(address);
    return nextHop ? [{vip, first, last, ...nextHop}] : [];
  });
}

function ringOf(usable: readonly {slot: number; weight: number}[], bound: number): number[] {
  const ring = compileRing(
    usable.map((one) => one.weight),
    bound,
  );
  return ring.map((index) => usable[index]?.slot ?? 0);
}
