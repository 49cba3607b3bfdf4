// What the tests of the shim share: commands, waiting, and a bed of two namespaces with a fake router.

import fs from 'node:fs';
import path from 'node:path';
import type {AnswerScope, VirtualAddress} from '../../addon/agent.ts';
import type {NodeConfig, NodeState, PortBlock} from '../../router/protocol/messages.ts';
import {ROOT, must, start} from '../support/command.ts';
import type {Running} from '../support/command.ts';
import {Namespaces} from '../support/namespaces.ts';
import {waitUntil} from '../support/wait.ts';
import type {Part} from './play.ts';

export type {Running} from '../support/command.ts';

const build = path.join(ROOT, 'build');
export const library = path.join(build, 'native/shim/libcoscanet.so');
export const launcher = path.join(build, 'native/shim/coscanet-run');
export const nodeCommand = path.join(ROOT, 'shim/bin/coscanet-node');
export const sourceFile = (name: string) => path.join(ROOT, 'test/shim', name);
export const builtFile = (name: string) => path.join(build, 'js/test/shim', name);

export interface Answer {
  errno: number;
  reason: string;
  /** Break the connection instead of a proper answer. */
  lose?: boolean;
  waitMs?: number;
  /** Bind the socket as in NAT mode, to stand for this. */
  virtual?: VirtualAddress;
  /** Bind an unbound socket that connects to an address, with a port of this block. */
  block?: PortBlock;
  scope?: AnswerScope;
}

export interface Script {
  /** When the agent begins to listen; negative = never. */
  delayMs: number;
  answers: Answer[];
  command: string[];
  env: Record<string, string>;
}

export interface Outcome {
  requests: {kind: string; retry: boolean; exhausted: boolean; address: string}[];
  stdout: string;
  stderr: string;
  status: number | null;
  ms: number;
}

/** Runs a command under a scripted agent in a network namespace of its own; 198.51.100.0/24 is on its lo. */
export async function runScripted(script: Partial<Script> & {command: string[]}): Promise<Outcome> {
  const whole: Script = {
    delayMs: 0,
    answers: [],
    env: {LD_PRELOAD: library, COSCANET_VERBOSE: '1'},
    ...script,
  };
  const world = 'ip address add 198.51.100.9/32 dev lo && ip route add 198.51.100.0/24 dev lo';
  const command = `ip link set lo up && ${world} && exec node "$0" "$1"`;
  const inside = ['unshare', '--net', 'sh', '-c', command, builtFile('scripted-agent.js')];
  const {stdout} = await must([...inside, JSON.stringify(whole)]);
  return JSON.parse(stdout) as Outcome;
}

export const VIP = '10.77.0.100';
export const SECRET = 'a-secret-for-the-tests-of-the-shim';

export function nodeConfigFor(
  applications: NodeConfig['applications'],
  mode: NodeConfig['mode'] = 'dsr',
): NodeConfig {
  return {
    mode,
    leaseMs: 3000,
    renewMs: 200,
    router: {address: '10.88.0.1', generation: 1},
    vipPlacement: mode === 'dsr' ? 'loopback-noarp' : 'none',
    applications,
    refused: [],
  };
}

export const web: NodeConfig['applications'][number] = {
  name: 'web',
  tenant: 'acme',
  vips: [VIP],
  ports: [
    {protocol: 'tcp', first: 80, last: 80},
    {protocol: 'tcp', first: 8000, last: 8999},
    {protocol: 'udp', first: 53, last: 53},
  ],
};

export interface Put {
  time: number;
  state: NodeState;
}

/**
 *   namespace …-router                     namespace …-node
 *   fake router 10.88.0.1:7400 ──veth── eth1 10.88.0.11, agent, programs
 *   (route: VIP via 10.88.0.11)            cgroups below /cosca-shim-…
 */
export class Bed {
  readonly #net = new Namespaces<'router' | 'node'>('shim');
  /** Of its namespaces, of its cgroup, and of its folder the beginning. */
  readonly name = this.#net.name;
  readonly cgroupRoot = `/${this.name}`;
  readonly folder = this.#net.folder;
  readonly puts: Put[] = [];
  agent: Running | null = null;
  #router: Running | null = null;
  #read = 0;
  readonly #programs: Running[] = [];
  readonly #instances: Running[] = [];

  /** Builds the bed; the fake router answers with `config`. */
  async up(config: NodeConfig, part: Part = {}): Promise<this> {
    await this.#net.add('router', 'node');
    await this.#net.wire({host: 'router', interface: 'v0'}, {host: 'node', interface: 'eth1'});
    await this.#net.ip('router', 'address', 'add', '10.88.0.1/24', 'dev', 'v0');
    await this.#net.ip('node', 'address', 'add', '10.88.0.11/24', 'dev', 'eth1');
    await this.#net.ip('router', 'route', 'add', VIP, 'via', '10.88.0.11');
    fs.writeFileSync(path.join(this.folder, 'secret'), SECRET, {mode: 0o600});
    await this.startRouter(config, 0, part);
    return this;
  }

  async startRouter(config: NodeConfig, delayMs = 0, part: Part = {}): Promise<void> {
    await this.#router?.kill();
    this.#read = 0;
    const script = builtFile('fake-router.js');
    const args = ['node', script, '10.88.0.1', '7400', SECRET, JSON.stringify(config), String(delayMs)];
    args.push(JSON.stringify(part));
    this.#router = start(this.#net.inside('router', args), {}, 'ignore');
    await waitUntil('fake router', 5000, () => this.#router?.stdout.includes('"ready"'));
  }

  /** All PUTs of this router so far. */
  readPuts(): Put[] {
    const text = this.#router?.stdout ?? '';
    const end = text.lastIndexOf('\n') + 1;
    for (const line of text.slice(this.#read, end).split('\n')) {
      if (line.startsWith('{')) this.puts.push(JSON.parse(line) as Put);
    }
    this.#read = end;
    return this.puts;
  }

  /** The first PUT since `since` (milliseconds since the epoch) that `fits`. */
  waitForPut(what: string, fits: (state: NodeState) => boolean, since = 0, ms = 5000): Promise<Put> {
    return waitUntil(
      `${what}; last PUT: ${JSON.stringify(this.readPuts().at(-1)?.state)}`,
      ms,
      () => this.readPuts().find((put) => put.time >= since && fits(put.state)) ?? null,
    );
  }

  agentArguments(secretFile = path.join(this.folder, 'secret')): string[] {
    const options = ['--router', '10.88.0.1:7400', '--name', 'node1', '--address', '10.88.0.11'];
    return [
      ...options,
      '--secret-file',
      secretFile,
      '--address-grace',
      '0',
      ...this.hostArguments().slice(2),
    ];
  }

  hostArguments(): string[] {
    const runDir = path.join(this.folder, 'run');
    return ['--name', 'node1', '--cgroup-root', this.cgroupRoot, '--run-dir', runDir];
  }

  async startAgent(...more: string[]): Promise<Running> {
    const since = Date.now();
    this.agent = this.spawnInNode(nodeCommand, ['agent', ...this.agentArguments(), ...more]);
    await this.waitForPut('first PUT of the agent', () => true, since);
    return this.agent;
  }

  /** Starts a program as an instance. */
  start(command: string[], application = 'web', env: Record<string, string> = {}): Running {
    const args = ['run', '--app', application, '--cgroup-root', this.cgroupRoot, '--', ...command];
    const program = this.spawnInNode(nodeCommand, args, {COSCANET_VERBOSE: '1', ...env});
    this.#instances.push(program);
    return program;
  }

  /** Kills all programs that were started as instances. */
  async endInstances(): Promise<void> {
    for (const program of this.#instances.splice(0)) await program.kill();
  }

  spawnInNode(command: string, args: readonly string[], env: Record<string, string> = {}): Running {
    return this.#spawn('node', command, args, env);
  }

  spawnInRouter(command: string, args: readonly string[]): Running {
    return this.#spawn('router', command, args, {});
  }

  #spawn(
    host: 'router' | 'node',
    command: string,
    args: readonly string[],
    env: Record<string, string>,
  ): Running {
    const program = start(this.#net.inside(host, [command, ...args]), env, 'ignore');
    this.#programs.push(program);
    return program;
  }

  inNode(...command: string[]): Promise<string> {
    return this.#net.in('node', ...command);
  }

  inRouter(...command: string[]): Promise<string> {
    return this.#net.in('router', ...command);
  }

  /** What the agent changes on a host, as text to compare. */
  async hostState(): Promise<string> {
    const commands =
      'ip -4 -oneline address show; ip -4 rule show; ip -4 route show table 7400 2>/dev/null; ' +
      'for s in all/arp_ignore all/arp_announce all/rp_filter eth1/rp_filter eth1/accept_local; do ' +
      'cat /proc/sys/net/ipv4/conf/$s; done; cat /proc/sys/net/ipv4/tcp_migrate_req';
    return this.inNode('sh', '-c', commands);
  }

  /** The cgroup root as a folder. */
  get cgroupFolder(): string {
    const line = fs
      .readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .find((text) => text.includes(' - cgroup2 '));
    return path.join(line?.split(' ')[4] ?? '', this.cgroupRoot);
  }

  async down(): Promise<void> {
    for (const program of this.#programs) await program.kill();
    await this.#router?.kill();
    await this.#net.remove();
  }
}
