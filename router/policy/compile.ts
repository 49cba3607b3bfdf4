// Compiles routes into the tables that C++ executes. Pure but for a cache: a service's ring is worked out
// again only when its endpoints or weights change.

import type {
  Policy,
  PolicyBlock,
  PolicyEndpoint,
  PolicyInterface,
  PolicyService,
  PolicyVip,
} from '../../addon/router.ts';
import type {Plan, Route, RouteEndpoint} from '../model/route.ts';
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
  plan: Plan;
  /** null: not known (yet); such an endpoint gets no flows. */
  pathOf(address: string): Path | null;
}

/** Where frames of an endpoint would go whose node was never found: nowhere; C++ never schedules it. */
const NO_MAC = '00:00:00:00:00:00';

export class Compiler {
  readonly #ringSlots: number;
  #rings = new Map<number, {signature: string; ring: number[]}>();

  /** `ringSlots`: room for all rings together. */
  constructor(ringSlots: number) {
    this.#ringSlots = ringSlots;
  }

  compile(input: CompilerInput): Policy {
    const {routes, gateway, interfaces, vips} = input;
    const endpoints = input.plan.routes.flatMap((route) =>
      route.endpoints.map((one) => endpointOf(route, one, input.pathOf(one.address))),
    );
    let services = this.#services(input, MAX_RING);
    for (let bound = MAX_RING / 2; bound >= 1 && this.#tooLarge(services); bound /= 2)
      services = this.#services(input, bound);
    const gate = gateway === null ? {} : {gateway};
    const {awaitClaims} = input.plan;
    return {routes, awaitClaims, ...gate, interfaces, vips, endpoints, services, blocks: blocksOf(input)};
  }

  #tooLarge(services: readonly PolicyService[]): boolean {
    return services.reduce((total, service) => total + service.ring.length, 0) > this.#ringSlots;
  }

  #services(input: CompilerInput, bound: number): PolicyService[] {
    const rings = new Map<number, {signature: string; ring: number[]}>();
    const services = input.plan.routes.map(
      ({slot, vip, protocol, port, timeouts, affinity, endpoints}): PolicyService => {
        const reached = endpoints.filter((one) => one.open && input.pathOf(one.address));
        const usable = reached.filter((one) => one.weight > 0);
        const signature = `${bound}|${usable.map((one) => `${one.slot}*${one.weight}`).join()}`;
        const known = this.#rings.get(slot);
        const ring = known?.signature === signature ? known.ring : ringOf(usable, bound);
        rings.set(slot, {signature, ring});
        const service = {slot, vip, protocol, port, ring, timeouts};
        return affinity ? {...service, affinity: {...affinity, members: membersOf(reached)}} : service;
      },
    );
    this.#rings = rings;
    return services;
  }
}

function endpointOf(route: Route, one: RouteEndpoint, path: Path | null): PolicyEndpoint {
  const {slot, incarnation, address, nodePort, open, opensOnly, node} = one;
  const {protocol, vip, port: vipPort} = route;
  const way = path ?? {mac: NO_MAC, egress: 0};
  const endpoint = {
    slot,
    incarnation,
    ...way,
    open,
    ...(opensOnly ? {opensOnly} : {}),
    ...(node === undefined ? {} : {node}),
  };
  if (nodePort === undefined) return endpoint;
  return {...endpoint, nat: {protocol, node: address, nodePort, vip, vipPort}};
}

/** Slots of endpoints that a client may stay with. */
function membersOf(reached: readonly RouteEndpoint[]): number[] {
  return reached.filter((one) => one.weight > 0 || one.keepsClients).map((one) => one.slot);
}

/** Those whose node can be reached. */
function blocksOf(input: CompilerInput): PolicyBlock[] {
  return input.plan.blocks.flatMap(({vip, first, last, address}) => {
    const path = input.pathOf(address);
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
