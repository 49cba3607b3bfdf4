// What operators see: the registry joined with the provider's and the forwarders' own knowledge.

import type {Clock} from '../base/clock.ts';
import {UnsupportedError} from '../base/error.ts';
import type {Settings} from '../config/settings.ts';
import {blockCounts} from './blocks-view.ts';
import {LEASE_MS} from '../protocol/messages.ts';
import {formatDuration} from '../protocol/duration.ts';
import type {EndpointView, FlowView, NodeView, ServiceView, StatusView} from '../protocol/views.ts';
import type {EndpointRecord} from '../model/records.ts';
import {serviceKey} from '../model/records.ts';
import type {Registry} from '../model/registry.ts';
import {endpointName} from '../model/target.ts';
import type {EndpointStatus} from '../policy/endpoint-status.ts';
import {currentStatuses} from '../policy/endpoint-status.ts';
import type {Drains} from '../supervisor/drains.ts';
import type {OverrideFile} from '../supervisor/override-file.ts';
import type {Flow, InterfaceTrouble, RoutingProvider} from '../provider/provider.ts';

export interface ViewDeps {
  registry: Registry;
  provider: RoutingProvider;
  drains: Drains;
  overrideFile: Pick<OverrideFile, 'path' | 'problem'>;
  clock: Clock;
  settings: Settings;
  /** Clock.now when the router started. */
  startedAt: number;
}

export class Views {
  readonly #deps: ViewDeps;

  constructor(deps: ViewDeps) {
    this.#deps = deps;
  }

  endpoints(): EndpointView[] {
    const statuses = currentStatuses(this.#deps.registry);
    return this.#deps.registry.endpoints().map((record) => this.#endpoint(record, statuses.of(record)));
  }

  #endpoint(record: EndpointRecord, status: EndpointStatus): EndpointView {
    const {application, vip, protocol, port, node, address, nodePort} = record;
    const {level, factor, weight, state, reason} = this.#refined(record, status);
    const what = {endpoint: endpointName(record), application, vip, protocol, port, node};
    const why = reason === undefined ? {} : {reason};
    return {...what, ...locationOf(address, nodePort), level, factor, weight, state, ...why};
  }

  /** With what only the provider knows: whether the next hop is known, how many flows are left. */
  #refined(record: EndpointRecord, status: EndpointStatus): EndpointStatus {
    const {provider, drains} = this.#deps;
    if (status.state === 'draining') {
      if (drains.isDrained(record)) return {...status, state: 'drained'};
      const flows = drains.flowsOf(record);
      const left = flows === null ? 'until the deadline' : `${flows} flows left`;
      const kept = status.affinityMember ? ', its clients are kept' : '';
      return {...status, reason: `${status.reason}, ${left}${kept}`};
    }
    if (status.state === 'unreachable' && record.unreachable === 'unsent')
      return {...status, reason: [status.reason, ...this.#troubles()].join(': ')};
    if (status.weight > 0 && provider.neighbor(record.address).mac === null)
      return {...status, state: 'resolving', weight: 0, reason: "the node's MAC address is not known"};
    return status;
  }

  /** "eth1: it is down, for 12s". */
  #troubles(): string[] {
    return this.#deps.provider.stats().interfaces.flatMap(({name, trouble}) => {
      if (trouble === null) return [];
      return [`${name}: ${trouble.what}, for ${formatDuration(this.#secondsSince(trouble))}`];
    });
  }

  #secondsSince({since}: InterfaceTrouble): number {
    return Math.round((this.#deps.clock.now() - since) / 1000);
  }

  /** Virtual services, and exclusive ports that are leased to a node without an endpoint there. */
  services(): ServiceView[] {
    const {registry, provider} = this.#deps;
    const flows = provider.flows?.countByEndpoint() ?? null;
    const counted = (total: number) => (flows === null ? {} : {flows: total});
    const {exclusive} = registry.ports;
    const served = registry.services().map((service): ServiceView => {
      const {vip, protocol, port} = service;
      const records = registry.endpointsOf(service);
      const counts = records.map((record) => flows?.[`${record.slot}:${record.generation}`] ?? 0);
      const open = records.filter((record) => record.state === 'up' || record.state === 'suspect');
      return {
        application: (open[0] ?? records[0])?.application ?? '',
        vip,
        protocol,
        port,
        endpoints: open.length,
        ...counted(counts.reduce((total, count) => total + count, 0)),
        exclusive: exclusive.ownerOf({vip, protocol, port}) ?? null,
      };
    });
    const keys = new Set(served.map(serviceKey));
    const others = exclusive.all().filter((one) => !keys.has(serviceKey(one)));
    return [
      ...served,
      ...others.map(({node, ...port}) => ({...port, endpoints: 0, ...counted(0), exclusive: node})),
    ];
  }

  nodes(): NodeView[] {
    const {registry, provider, drains, clock} = this.#deps;
    const drainOf = new Map(drains.views().map((one) => [one.target, one.state]));
    return registry.nodes().map(({name, address, state, leaseUntil, levels}) => ({
      name,
      address,
      mac: provider.neighbor(address).mac,
      endpoints: registry.endpointsOfNode(name).filter((record) => record.state !== 'closed').length,
      leaseRemainingMs: state === 'left' ? 0 : Math.max(0, Math.round(leaseUntil - clock.now())),
      reportAgeMs: Math.round(clock.now() - (leaseUntil - LEASE_MS)),
      levels,
      state,
      ...(drainOf.has(name) ? {drain: drainOf.get(name)} : {}),
    }));
  }

  /** Throws an UnsupportedError if the provider knows nothing of single flows. */
  flows(): FlowView[] {
    const {registry, provider} = this.#deps;
    if (provider.flows === null)
      throw new UnsupportedError(`the provider of this router (${provider.name}) cannot list flows`);
    const bySlot = new Map(registry.endpoints().map((one) => [`${one.slot}:${one.generation}`, one]));
    return provider.flows.list().map((flow: Flow) => {
      const {endpointSlot, endpointGeneration, ...rest} = flow;
      const endpoint = bySlot.get(`${endpointSlot}:${endpointGeneration}`);
      const {application = '', node = '', address = '', nodePort} = endpoint ?? {};
      const {protocol, client, clientPort, vip, port, state, idleSeconds, expiresInSeconds} = rest;
      const peer = `${client}:${clientPort}`;
      return {
        application,
        protocol,
        client: peer,
        vip,
        port,
        node,
        ...locationOf(address, nodePort),
        state,
        idleSeconds,
        expiresInSeconds,
      };
    });
  }

  status(): StatusView {
    const {registry, provider, clock, settings, startedAt, overrideFile} = this.#deps;
    const {path, problem} = overrideFile;
    const {generation, counters, vips, interfaces, forwarders} = provider.stats();
    const flows = provider.flows && Object.values(provider.flows.countByEndpoint());
    const oneArmed = interfaces.length === 1;
    return {
      mode: settings.mode,
      pid: process.pid,
      uptimeSeconds: Math.round((clock.now() - startedAt) / 1000),
      generation,
      control: `${settings.listen.address}:${settings.listen.port}`,
      interfaces: interfaces.map(({name, role, mac, network, trouble}) => ({
        role: oneArmed ? 'both' : role,
        name,
        mac,
        address: network.address,
        ...(trouble ? {trouble: {what: trouble.what, sinceSeconds: this.#secondsSince(trouble)}} : {}),
      })),
      vips,
      forwarders: forwarders.map(({index, pid, heartbeatAgeMs}) => ({index, pid, heartbeatAgeMs})),
      nodes: registry.nodes().length,
      services: registry.services().length,
      endpoints: registry.endpoints().filter((record) => record.state !== 'closed').length,
      ...(flows === null ? {} : {flows: flows.reduce((total, count) => total + count, 0)}),
      blocks: blockCounts(registry),
      overrides: overridesIn(registry),
      stateFile: {path, ...(problem === null ? {} : {problem})},
      counters,
    };
  }
}

function overridesIn({overrides}: Registry): StatusView['overrides'] {
  return [
    ...[...overrides.drains()].map(([target, {deadline, since, by}]) => ({target, deadline, since, by})),
    ...[...overrides.weights()].map(([target, weight]) => ({target, ...weight})),
  ];
}

/** Where an endpoint is: the port only where it is its own (NAT). */
function locationOf(address: string, nodePort: number | undefined): {address: string; nodePort?: number} {
  return nodePort === undefined ? {address} : {address, nodePort};
}
