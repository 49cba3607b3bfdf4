// A router without a host: the real registry, supervisor and user-space provider on fakes. Node i has the
// address 10.88.0.10+i and the MAC 02:00:00:00:00:1i.

import {EventLog} from '../../router/supervisor/event-log.ts';
import type {NodeState} from '../../router/protocol/messages.ts';
import type {RouterEvent} from '../../router/protocol/views.ts';
import {silentLogger} from '../../router/base/logger.ts';
import {seriesGroups} from '../../router/api/measures.ts';
import {Exposition} from '../../router/metrics/exposition.ts';
import {applicationDefaults} from '../../router/model/application/application.ts';
import type {Application} from '../../router/model/application/application.ts';
import {vipsOf} from '../../router/model/application/application.ts';
import {defaultProbeRules} from '../../router/model/liveness.ts';
import {methods} from '../../router/model/method.ts';
import {Registry} from '../../router/model/registry.ts';
import {HostVeth} from '../../router/provider/userspace/host-veth.ts';
import {UserspaceProvider} from '../../router/provider/userspace/userspace.ts';
import {decodeKept} from '../../router/provider/userspace/checkpoint.ts';
import type {ProviderCheckpoint} from '../../router/provider/userspace/checkpoint.ts';
import {decodeCheckpoint} from '../../router/supervisor/checkpoint.ts';
import {Supervisor} from '../../router/supervisor/supervisor.ts';
import {FakeClock, settled} from './fake-clock.ts';
import {FakeExec} from './fake-exec.ts';
import {FakeNative} from './fake-native.ts';

export const VIP = '10.77.0.100';
export const interfaces = [
  {
    name: 'eth0',
    role: 'external' as const,
    mac: '02:00:00:00:00:01',
    mtu: 1500,
    network: {address: '10.77.0.1', prefix: 24},
    onLink: [{address: '10.77.0.1', prefix: 24}],
    index: 2,
  },
  {
    name: 'eth1',
    role: 'internal' as const,
    mac: '02:00:00:00:00:02',
    mtu: 1500,
    network: {address: '10.88.0.1', prefix: 24},
    onLink: [{address: '10.88.0.1', prefix: 24}],
    index: 3,
  },
];
/** As the host has them. */
export const hostInterfaces = interfaces.map(({network, ...one}) => ({...one, address: network.address}));
export const web: Application = {
  name: 'web',
  tenant: 'acme',
  vips: [VIP],
  ports: null,
  ...applicationDefaults,
};

export const addressOf = (node: number) => `10.88.0.1${node}`;
export const macOf = (node: number) => `02:00:00:00:00:1${node}`;

export function nodeState(
  node: number,
  sequence: number,
  ports: number[],
  more: Partial<NodeState> = {},
): NodeState {
  const endpoints = ports.map((port) => ({
    application: 'web',
    vip: VIP,
    protocol: 'tcp' as const,
    port,
    instances: 1,
  }));
  return {address: addressOf(node), epoch: 1, sequence, endpoints, vips: [], ...more};
}

/** What a node in NAT mode reports: its port that stands for one of the VIP. */
export const translated = (port: number, nodePort: number) => ({
  application: 'web',
  vip: VIP,
  protocol: 'tcp' as const,
  port,
  instances: 1,
  nodePort,
});

export class Bench {
  readonly clock = new FakeClock();
  readonly exec = new FakeExec();
  readonly native = new FakeNative();
  readonly events = new EventLog(this.clock, silentLogger);
  readonly exposition = new Exposition(seriesGroups);
  /** Instead of a state file. */
  readonly save = () => Promise.resolve(null);
  readonly overrideFile = {path: '/state', problem: null, save: this.save};
  readonly registry: Registry;
  /** Why the router has to be started anew. */
  readonly outdated: string[] = [];
  /** Addresses of nodes that answer echoes; null: none can be asked. */
  echoes: Set<string> | null = null;
  readonly provider: UserspaceProvider;
  readonly supervisor: Supervisor;

  constructor(
    applications: readonly Application[] = [web],
    adopted: ProviderCheckpoint | null = null,
    method = methods.dsr,
    fresh = false,
  ) {
    const {clock, exec, native, events} = this;
    const {segment} = native;
    native.setInterfaces(hostInterfaces);
    const networks = interfaces.map((one) => one.network);
    const hostVeth = new HostVeth({
      native,
      exec,
      clock,
      log: silentLogger,
      interfaces,
      routes: method.routes,
    });
    const registry = new Registry(method, applications, networks, segment.limits, 1);
    this.registry = registry;
    this.provider = new UserspaceProvider(
      {
        native,
        method,
        exec,
        clock,
        log: silentLogger,
        interfaces,
        dataPlane: {
          segment,
          hostVeth,
          prepare: () => Promise.resolve(),
          run: () => Promise.resolve(),
          stop: () => Promise.resolve(),
        },
        events: {
          onChange: () => this.supervisor.changed(),
          onOutdated: (reason) => void this.outdated.push(reason),
          onInterface: (name, what, trouble) => {
            events.add({event: trouble ? 'interface-trouble' : 'interface', detail: `${name}: ${what}`});
          },
          onVip: (event, vip, detail) => events.add({event, vip, ...(detail === undefined ? {} : {detail})}),
          onForwarder: (event, detail) => events.add({event, detail}),
        },
      },
      adopted,
    );
    this.supervisor = new Supervisor({
      clock,
      log: silentLogger,
      events,
      registry,
      provider: this.provider,
      echo: {ask: () => Promise.resolve(this.echoes), close: () => {}},
      probes: defaultProbeRules,
      routerAddressFor: () => '10.88.0.1',
      direct: ['10.88.0.0/24'],
      vipGraceMs: 10_000,
      fresh: adopted === null && fresh,
      onPublished: (seconds) => this.exposition.published(seconds),
    });
  }

  async start(): Promise<this> {
    await this.provider.start([]);
    await this.provider.reserve(vipsOf(this.registry.applications));
    await this.supervisor.start();
    return this;
  }

  /** Node's whole state; its MAC becomes known. */
  async put(node: number, sequence: number, ports: number[], more: Partial<NodeState> = {}) {
    const outcome = await this.supervisor.put(`node${node}`, nodeState(node, sequence, ports, more));
    this.native.setNeighbor(addressOf(node), 'eth1', macOf(node));
    await settled();
    return outcome;
  }

  /** What the next router would find of this one. */
  kept() {
    const {own, supervisor} = decodeKept(this.native.segment.registry() ?? Buffer.of());
    return {own, supervisor: decodeCheckpoint(supervisor)};
  }

  /** Nodes by the order of a service's ring. */
  ring(port: number): string[] {
    const slots = this.native.segment.ring(port) ?? [];
    const records = this.registry.endpoints();
    return slots.map((slot) => records.find((one) => one.slot === slot)?.node ?? '?');
  }

  names(...wanted: RouterEvent['event'][]): string[] {
    const events = this.events.list().filter((one) => wanted.includes(one.event));
    return events.map((one) =>
      [one.event, one.vip, one.port, one.node].filter((part) => part !== undefined).join(' '),
    );
  }
}
