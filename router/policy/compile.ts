// Compiles routes into the tables that C++ executes. Pure: what is made of a route is made again
// only when the route or a way to its nodes is another one, and is the same object as long as it is the same.

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

/** The way to a node: its MAC and the index of the interface that reaches it. */
export interface Path {
  mac: string;
  egress: number;
}

export interface CompilerInput {
  /** What nodes send to the world passes the router. */
  routes: boolean;
  /** Where it leaves when nothing else is known; null: nowhere. */
  gateway: Path | null;
  interfaces: PolicyInterface[];
  vips: PolicyVip[];
  desired: DesiredState;
  /** null: not known (yet); such an endpoint gets no flows. */
  pathOf(address: string): Path | null;
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
  paths: readonly (Path | null)[];
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
  /** The same object for a way as long as it is the same. */
  readonly #paths = new Map<string, Path | null>();

  /** `ringSlots`: room for all rings together. */
  constructor(ringSlots: number) {
    this.#ringSlots = ringSlots;
  }

  compile(input: CompilerInput): Compiled {
    const {routes, gateway, interfaces, vips, desired} = input;
    const pathOf = this.#pathsOf(input);
    let parts = this.#compileRoutes(desired.routes, pathOf, MAX_RING);
    for (let bound = MAX_RING / 2; bound >= 1 && this.#tooLarge(parts); bound /= 2)
      parts = this.#compileRoutes(desired.routes, pathOf, bound);
    const {awaitImports} = desired;
    const blocks = blocksOf(desired, pathOf);
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

  /** Asks for each way once. */
  #pathsOf(input: CompilerInput): (address: string) => Path | null {
    const {desired} = input;
    const addresses = new Set(desired.blocks.map((one) => one.address));
    for (const route of desired.routes) for (const one of route.endpoints) addresses.add(one.address);
    for (const address of this.#paths.keys()) if (!addresses.has(address)) this.#paths.delete(address);
    for (const address of addresses) {
      const [before, now] = [this.#paths.get(address), input.pathOf(address)];
      const same = before && now && before.mac === now.mac && before.egress === now.egress;
      if (!same) this.#paths.set(address, now);
    }
    return (address) => this.#paths.get(address) ?? null;
  }

  #tooLarge(parts: readonly Part[]): boolean {
    return parts.reduce((total, part) => total + part.service.ring.length, 0) > this.#ringSlots;
  }

  #compileRoutes(routes: readonly Route[], pathOf: CompilerInput['pathOf'], bound: number): Part[] {
    return routes.map((route) => {
      const compute = () => compileRoute(route, pathOf, bound);
      return this.#parts.get(route, compute, (part) => part.bound === bound && fits(part, route, pathOf));
    });
  }
}

function fits({paths}: Part, {endpoints}: Route, pathOf: CompilerInput['pathOf']): boolean {
  return endpoints.every((one, at) => pathOf(one.address) === paths[at]);
}

function compileRoute(route: Route, pathOf: CompilerInput['pathOf'], bound: number): Part {
  const paths = route.endpoints.map((one) => pathOf(one.address));
  const {slot, vip, protocol, port, timeouts, affinity} = route;
  const reached = route.endpoints.filter((one, at) => one.open && paths[at]);
  const usable = reached.filter((one) => one.weight > 0);
  const service = {slot, vip, protocol, port, ring: ringOf(usable, bound), timeouts};
  return {
    paths,
    bound,
    endpoints: route.endpoints.map((one, at) => endpointOf(route, one, paths[at] ?? null)),
    service: affinity ? {...service, affinity: {...affinity, members: membersOf(reached)}} : service,
    scheduled: usable.map((one) => one.slot),
    reached: reached.length > 0,
  };
}

function endpointOf(route: Route, one: RouteEndpoint, path: Path | null): PolicyEndpoint {
  const {slot, generation, address, nodePort, open, outboundOnly, node} = one;
  const {protocol, vip, port: vipPort} = route;
  const way = path ?? {mac: NO_MAC, egress: 0};
  const endpoint = {
    slot,
    generation,
    ...way,
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
function blocksOf(desired: DesiredState, pathOf: CompilerInput['pathOf']): PolicyBlock[] {
  return desired.blocks.flatMap(({vip, first, last, address}) => {
    const path = pathOf(address);
    return path ? [{vip, first, last, ...path}] : [];
  });
}

function ringOf(usable: readonly {slot: number; weight: number}[], bound: number): number[] {
  const ring = compileRing(
    usable.map((one) => one.weight),
    bound,
  );
  return ring.map((index) => usable[index]?.slot ?? 0);
}
