// A network to measure in: a client, a router and a node, of which every set-up gets one of its own or, on real
// machines, has it to itself while it is measured.
//
//   client ──┬── external ──┬── router ── internal ── node
//            └──────────────┴──────────────────────── node, where it answers clients itself

import {run} from '../exec.ts';
import type {Program} from '../exec.ts';
import {cpuTime, memoryOf} from './cpu.ts';
import type {CpuTime} from './cpu.ts';
import {NamespaceHost, topology} from './host.ts';
import type {Host} from './host.ts';

/** dsr: the node is on the external network too. nat: it sees the router alone, its gateway. */
export type Shape = 'dsr' | 'nat';

export interface NetworkOptions {
  shape: Shape;
  /** COSCANet's configuration file; absent: a network without COSCANet. */
  config?: string;
  forwarders?: number;
  /** 1 if absent. */
  nodes?: number | undefined;
  /** Of each link, such as "1gbit"; absent: not shaped. */
  rate?: string | undefined;
  /** Root of the checkout whose COSCANet runs there; absent: this one. */
  checkout?: string | undefined;
}

export interface Network {
  readonly client: Host;
  readonly router: Host;
  readonly node: Host;
  /** All nodes; the first is `node`. */
  readonly nodes: readonly Host[];
  /** Interfaces of the router host. */
  readonly external: string;
  readonly internal: string;
  /** The interface of the node that the router reaches. */
  readonly nodeInterface: string;
  /** All of the node's, on either side. */
  readonly nodeInterfaces: readonly string[];
  /** The node as the client reaches it without a router, and as the router reaches it. */
  readonly nodeAddress: string;
  readonly nodeInside: string;
  readonly vip: string;
  readonly clientInterface: string;
  /** Addresses of the external network that nobody has; none where they are not ours to give. */
  readonly spareAddresses: readonly string[];
  /** Where COSCANet's router listens for agents: "10.88.0.1:7400". */
  readonly control: string;
  /** The command that runs another as an instance of the application "web" on the node. */
  instance(command: readonly string[]): readonly string[];
  /** Starts a program that ends with the network. */
  keep(host: Host, command: readonly string[]): Program;
  /** Those that were started. */
  readonly programs: readonly Program[];
  /** Processor time so far, of the router's programs and of the machine. */
  cpu(): Promise<CpuTime>;
  /** Of the router's programs, in bytes. */
  memory(): Promise<number>;
  /** What puts back a change, when the network goes; the last change first. */
  cleanUp(host: Host, command: readonly string[]): void;
  down(): Promise<void>;
}

export const VIP = '10.77.0.100';

/** A testbed of topology/. */
export class TestbedNetwork implements Network {
  readonly client: Host;
  readonly router: Host;
  readonly node: Host;
  readonly nodes: readonly Host[];
  readonly external = 'eth0';
  readonly internal = 'eth1';
  readonly nodeInterface = 'eth1';
  readonly nodeInterfaces: readonly string[];
  readonly nodeAddress = '10.77.0.11';
  readonly nodeInside = '10.88.0.11';
  readonly vip = VIP;
  readonly clientInterface = 'eth0';
  readonly spareAddresses = Array.from({length: 10}, (_, index) => `10.77.0.${201 + index}`);
  readonly control = '10.88.0.1:7400';
  readonly testbed: string;
  readonly programs: Program[] = [];
  readonly #files: string[][] = [];
  readonly #checkout: string | undefined;
  #namespace: string | undefined;

  private constructor(testbed: string, options: NetworkOptions, signal: AbortSignal) {
    const {shape, nodes = 1, checkout} = options;
    this.#checkout = checkout;
    this.nodeInterfaces = shape === 'dsr' ? ['eth0', 'eth1'] : ['eth1'];
    this.testbed = testbed;
    const host = (name: string) => new NamespaceHost(testbed, name, signal, checkout);
    this.client = host('client');
    this.router = host('router');
    const node = (number: number) => host(`node${number}`);
    this.node = node(1);
    this.nodes = [this.node, ...Array.from({length: nodes - 1}, (_, index) => node(index + 2))];
  }

  static async up(testbed: string, options: NetworkOptions, signal: AbortSignal): Promise<TestbedNetwork> {
    const {shape, config, rate, forwarders = 1, nodes = 1, checkout} = options;
    const words = ['--name', testbed, '--mode', shape, '--nodes', String(nodes)];
    if (config === undefined) words.push('--bare');
    else words.push('--config', config, '--forwarders', String(forwarders));
    if (rate !== undefined) words.push('--rate', rate);
    const network = new TestbedNetwork(testbed, options, signal);
    try {
      await run([topology('up', checkout), ...words], {seconds: 60, signal});
    } catch (error) {
      await network.down();
      throw error;
    }
    return network;
  }

  instance(command: readonly string[]): readonly string[] {
    return ['coscanet-node', 'run', '--app', 'web', '--', ...command];
  }

  keep(host: Host, command: readonly string[]): Program {
    const program = host.start(command);
    this.programs.push(program);
    return program;
  }

  /** Namespaces take with them what was changed in them, but files are the machine's. */
  cleanUp(_host: Host, command: readonly string[]): void {
    if (command[0] === 'rm') this.#files.push([...command]);
  }

  async cpu(): Promise<CpuTime> {
    return cpuTime(await this.#routerNamespace());
  }

  async memory(): Promise<number> {
    return memoryOf(await this.#routerNamespace());
  }

  async #routerNamespace(): Promise<string> {
    this.#namespace ??= (await this.router.run(['readlink', '/proc/self/ns/net'])).trim();
    return this.#namespace;
  }

  async down(): Promise<void> {
    const stopped = Promise.all(this.programs.map((program) => program.stop()));
    await run([topology('down', this.#checkout), '--name', this.testbed]);
    await stopped;
    for (const command of this.#files) await run(command);
  }
}
