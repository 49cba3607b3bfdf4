// A small real network for the packet device, in three namespaces of its own; answers do not pass the router:
//
//        10.77.0.2            VIP 10.77.0.100 is ours            10.77.0.100 on lo
//      ┌───────────┐    eth0 ┌──────────────┐ eth1     eth1 ┌───────────┐
//      │  client   ├─────────┤    router    ├───────────────┤   node    │
//      │           ├─────────┴──────────────┴───────────────┤           │
//      └───────────┘ eth1        direct, the way back  eth0 └───────────┘
//
// MAC addresses are those of the packet tables' world, and so is the policy.

import {fork} from 'node:child_process';
import type {ChildProcess} from 'node:child_process';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import {MAC, VIP, withRing} from '../packets/world.ts';
import {ROOT, must, start} from '../support/command.ts';
import {Namespaces, PLAIN} from '../support/namespaces.ts';
import {waitUntil} from '../support/wait.ts';
import type {Running} from '../support/command.ts';
import type {Request, Response, actions} from './router-process.ts';

export type Host = 'client' | 'router' | 'node';
type Actions = typeof actions;
type Action = keyof Actions;

const HOSTS: Host[] = ['client', 'router', 'node'];
const TOOLS = path.join(ROOT, 'test/addon/tools');
const POLICY = withRing(['node1']);

export class Testnet {
  readonly #net = new Namespaces<Host>('net');
  readonly folder = this.#net.folder;
  readonly #running: Running[] = [];
  readonly #waiting = new Map<number, (response: Response) => void>();
  #router: ChildProcess | null = null;
  #requests = 0;

  /** A network with a router that has opened `sockets` packet sockets on each side; no forwarder runs yet. */
  static async up(options: {sockets?: number; slots?: number} = {}): Promise<Testnet> {
    const net = new Testnet();
    try {
      await net.#build();
      net.#startRouter();
      const sides = ['eth0', 'eth1'].map((name) => ({
        interface: name,
        count: options.sockets ?? 1,
        slots: options.slots ?? 1024,
      }));
      await net.ask('open', path.join(net.folder, 'segment'), sides, POLICY);
      return net;
    } catch (error) {
      await net.down();
      throw error;
    }
  }

  async #build(): Promise<void> {
    await this.#net.add(...HOSTS);
    const settings = ['ipv6.conf.all.disable_ipv6=1', 'ipv6.conf.default.disable_ipv6=1'];
    settings.push('ipv4.conf.all.rp_filter=0', 'ipv4.conf.default.rp_filter=0');
    for (const host of HOSTS) await this.in(host, 'sysctl', '-qw', ...settings.map((one) => `net.${one}`));
    const [client, node] = ['02:77:00:00:00:22', MAC.node1];
    const end = (host: Host, name: string, mac: string) => ({host, interface: name, mac});
    await this.#net.wire(end('client', 'eth0', MAC.client), end('router', 'eth0', MAC.external));
    await this.#net.wire(end('router', 'eth1', MAC.internal), end('node', 'eth1', node));
    await this.#net.wire(end('client', 'eth1', client), end('node', 'eth0', MAC.outside));
    for (const [host, ...words] of [
      ['client', 'address', 'add', '10.77.0.2/32', 'dev', 'eth0'],
      ['client', 'route', 'add', '10.77.0.0/24', 'dev', 'eth0', 'src', '10.77.0.2'],
      ['router', 'address', 'add', '10.77.0.1/24', 'dev', 'eth0'],
      ['router', 'address', 'add', '10.88.0.1/24', 'dev', 'eth1'],
      ['node', 'address', 'add', `${VIP}/32`, 'dev', 'lo'],
      ['node', 'address', 'add', '10.88.0.11/24', 'dev', 'eth1'],
      ['node', 'route', 'add', '10.77.0.2/32', 'dev', 'eth0', 'src', VIP],
      ['node', 'neigh', 'add', '10.77.0.2', 'lladdr', client, 'dev', 'eth0', 'nud', 'permanent'],
    ] as [Host, ...string[]][])
      await this.#net.ip(host, ...words);
    await this.in('node', 'sysctl', '-qw', 'net.ipv4.conf.all.arp_ignore=1');
  }

  #startRouter(): void {
    const script = fileURLToPath(new URL('router-process.js', import.meta.url));
    // nsenter becomes Node: the channel's descriptor goes along.
    const [execPath, ...execArgv] = this.inside('router', [process.execPath]);
    this.#router = fork(script, [], {
      execPath,
      execArgv,
      serialization: 'advanced',
    });
    this.#router.on('message', (response: Response) => this.#waiting.get(response.id)?.(response));
    this.#router.on('exit', (status, signal) => {
      const error = {message: `the router process ended: ${signal ?? status}`};
      for (const [id, answer] of this.#waiting) answer({id, error});
    });
  }

  /** Has the router process do something. Throws what it threw, with its code. */
  async ask<A extends Action>(
    action: A,
    ...args: Parameters<Actions[A]>
  ): Promise<Awaited<ReturnType<Actions[A]>>> {
    const id = (this.#requests += 1);
    const request: Request = {id, action, args};
    const response = await new Promise<Response>((resolve) => {
      this.#waiting.set(id, resolve);
      this.#router!.send(request);
    });
    this.#waiting.delete(id);
    if ('result' in response) return response.result as Awaited<ReturnType<Actions[A]>>;
    throw Object.assign(new Error(response.error.message), {code: response.error.code});
  }

  /** Starts forwarder `index` and waits until its loop turns. Returns its pid. */
  async forward(index = 0): Promise<number> {
    const pid = await this.ask('startForwarder', index);
    await waitUntil('the forwarder turns', 10_000, async () => {
      const info = (await this.ask('forwarders'))[index]!;
      return info.pid === pid && info.descriptors.length === 2 && info.heartbeatAgeMs < 1000;
    });
    return pid;
  }

  inside(host: Host, command: string[]): string[] {
    return this.#net.inside(host, command);
  }
  tool(host: Host, name: string, ...words: (string | number)[]): string[] {
    return this.inside(host, ['python3', path.join(TOOLS, `${name}.py`), ...words.map(String)]);
  }
  /** Runs a command to its end and returns what it printed. Throws if it fails. */
  async in(host: Host, ...command: string[]): Promise<string> {
    return this.#net.in(host, ...command);
  }
  async runTool(host: Host, name: string, ...words: (string | number)[]): Promise<string> {
    return (await must(this.tool(host, name, ...words), undefined, PLAIN)).stdout;
  }
  /** Starts a program that down() ends, and waits until it has said `ready`. */
  async start(command: string[], ready: string): Promise<Running> {
    const program = start(command, PLAIN);
    this.#running.push(program);
    await waitUntil(`"${ready}" from ${command.join(' ')}`, 20_000, () => program.stdout.includes(ready));
    return program;
  }

  async down(): Promise<void> {
    for (const {child} of this.#running) child.kill('SIGKILL');
    await Promise.all(this.#running.map(({ended}) => ended));
    if (this.#router?.connected === true) {
      const ended = new Promise((resolve) => this.#router!.once('exit', resolve));
      this.#router.disconnect();
      await ended;
    }
    await this.#net.remove();
  }
}
