// A testbed for network tests: topology/up.sh under a name of its own, commands in its hosts, servers as
// instances, and down.sh whatever happens. It remembers what it ran, so that a failed test can show it.

import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {z} from 'zod';
import {call} from '../../router/api/client.ts';
import {
  endpointViewSchema,
  eventSchema,
  flowViewSchema,
  nodeViewSchema,
} from '../../router/protocol/views.ts';
import type {EndpointView, FlowView, NodeView, RouterEvent} from '../../router/protocol/views.ts';
import {cleanUpWith, cleanedUp} from './clean-up.ts';
import {ROOT, must, run, start} from './command.ts';
import type {Result, Running} from './command.ts';
import {waitUntil} from './wait.ts';

export const VIP = '10.77.0.100';
const TOOLS = path.join(ROOT, 'test/network/tools');
/** Commands that a failed test tells of: the last ones, where several tests share a testbed. */
const HISTORY = 30;

export interface TestbedOptions {
  nodes?: number;
  forwarders?: number;
  oneArm?: boolean;
  /** The router's host is a node too. */
  routerNode?: boolean;
  mode?: string;
  rate?: string;
  externalMtu?: number;
  internalMtu?: number;
  hopMtu?: number;
  noOffloads?: boolean;
  /** The text of a configuration file instead of topology/testbed.yaml. */
  config?: string;
}

let count = 0;

export function tool(name: string, ...words: (string | number)[]): string[] {
  return ['python3', path.join(TOOLS, `${name}.py`), ...words.map(String)];
}

function upOptions(options: TestbedOptions): string[] {
  const values = {
    nodes: options.nodes,
    forwarders: options.forwarders,
    mode: options.mode,
    rate: options.rate,
    'external-mtu': options.externalMtu,
    'internal-mtu': options.internalMtu,
    'hop-mtu': options.hopMtu,
  };
  const words = Object.entries(values).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}`, String(value)],
  );
  if (options.oneArm === true) words.push('--one-arm');
  if (options.routerNode === true) words.push('--router-node');
  if (options.noOffloads === true) words.push('--no-offloads');
  return words;
}

export class Testbed {
  readonly name: string;
  readonly folder: string;
  readonly #running = new Set<Running>();
  readonly #history: string[] = [];

  constructor() {
    count += 1;
    this.name = `t${process.pid}-${count}`;
    this.folder = mkdtempSync(path.join(tmpdir(), `coscanet-${this.name}-`));
    // up.sh may be at work; it takes down what it has when it is told to end. [t]: a pattern that does not fit itself.
    const up = `[t]opology/up.sh --name ${this.name} `;
    const ended = `pkill -f "${up}"; while pgrep -f "${up}"; do sleep 0.05; done`;
    cleanUpWith(this.name, `${ended}; topology/down.sh --name ${this.name}; rm -rf ${this.folder}`);
  }

  static async up(options: TestbedOptions = {}): Promise<Testbed> {
    const bed = new Testbed();
    const result = await bed.tryUp(options);
    if (result.status === 0) return bed;
    await bed.down();
    throw new Error(`topology/up.sh ended with status ${result.status}:\n${result.stdout}${result.stderr}`);
  }

  /** up.sh under this testbed's name, whatever comes of it. */
  async tryUp(options: TestbedOptions): Promise<Result> {
    const words = ['topology/up.sh', '--name', this.name, ...upOptions(options)];
    if (options.config !== undefined) words.push('--config', this.file('router.yaml', options.config));
    return this.#record(words, await run(words));
  }

  /** Writes a file for this testbed and returns its path. */
  file(name: string, text: string): string {
    const file = path.join(this.folder, name);
    writeFileSync(file, text);
    return file;
  }

  get runDir(): string {
    return `/run/coscanet/testbed-${this.name}`;
  }

  #record(words: string[], result: Result): Result {
    const end = result.signal ?? result.status;
    this.#history.push(
      `$ ${words.join(' ')}\n${result.stdout.slice(-2000)}${result.stderr.slice(-2000)}[${end}]`,
    );
    return result;
  }

  /** Runs a command in a host, whatever its exit status. */
  async try(host: string, command: string[], withinMs = 60_000): Promise<Result> {
    const words = ['topology/in.sh', '--name', this.name, host, ...command];
    return this.#record(words, await run(words, withinMs));
  }

  /** Runs a command in a host and returns what it printed. Throws if it fails. */
  async in(host: string, command: string[], withinMs = 60_000): Promise<string> {
    const result = await this.try(host, command, withinMs);
    if (result.status === 0) return result.stdout;
    throw new Error(
      `in ${host}: ${command.join(' ')}: status ${result.status}: ${result.stderr}${result.stdout}`,
    );
  }

  async json<T>(schema: z.ZodType<T>, host: string, command: string[], withinMs?: number): Promise<T> {
    return schema.parse(JSON.parse(await this.in(host, command, withinMs)));
  }

  /** Runs a program on a node as an instance, to its end. */
  async instance(node: string, application: string, command: string[], env = {}): Promise<Result> {
    const words = ['topology/run.sh', '--name', this.name, node, application, ...command];
    return this.#record(words, await run(words, 30_000, env));
  }

  /** Starts a command in a host; down() ends it. */
  start(host: string, command: string[]): Running {
    return this.#keep(start(['topology/in.sh', '--name', this.name, host, ...command]));
  }

  #keep(running: Running): Running {
    this.#running.add(running);
    void running.ended.then((result) => {
      this.#running.delete(running);
      this.#record([running.command], result);
    });
    return running;
  }

  /** Starts a server that is nothing of ours on a host, and waits until something has that port there. */
  async startServer(host: string, port: number, command: string[]): Promise<Running> {
    const running = this.start(host, command);
    await waitUntil(`${host} has port ${port}: ${running.command}`, 10_000, async () => {
      if (running.child.exitCode !== null) throw new Error(`${running.command} ended: ${running.stderr}`);
      return (await this.in(host, ['ss', '-Hlntu', `sport = :${port}`])) !== '';
    });
    return running;
  }

  /** Starts a program as an instance; down() ends it. */
  startInstance(node: string, application: string, command: string[]): Running {
    return this.#keep(start(['topology/run.sh', '--name', this.name, node, application, ...command]));
  }

  /** Starts a server as an instance and waits until its endpoint is in the ring. */
  async serve(node: string, application: string, port: number, command: string[]): Promise<Running> {
    const running = this.startInstance(node, application, command);
    await waitUntil(`${node} serves port ${port}: ${running.command}`, 10_000, async () => {
      if (running.child.exitCode !== null) throw new Error(`${running.command} ended: ${running.stderr}`);
      const endpoints = await this.endpoints();
      return endpoints.some(
        (one) =>
          one.application === application && one.node === node && one.port === port && one.state === 'up',
      );
    });
    return running;
  }

  async serveHttp(nodes: number, port = 80): Promise<Running[]> {
    const names = Array.from({length: nodes}, (_, i) => `node${i + 1}`);
    return Promise.all(names.map((name) => this.serve(name, 'web', port, tool('http_server', port, name))));
  }

  /** Ends a program that start() or serve() gave, and waits for its end. */
  async stop(running: Running, signal: NodeJS.Signals = 'SIGTERM'): Promise<Result> {
    running.child.kill(signal);
    return running.ended;
  }

  /** Asks the router as the command line does, but without the start of a process: for what is asked often. */
  #ask<T>(view: string, schema: z.ZodType<T>): Promise<T> {
    return call(`${this.runDir}/router/control.sock`, 'GET', `/v1/${view}`, schema);
  }

  endpoints(): Promise<EndpointView[]> {
    return this.#ask('endpoints', z.array(endpointViewSchema));
  }

  nodes(): Promise<NodeView[]> {
    return this.#ask('nodes', z.array(nodeViewSchema));
  }

  events(): Promise<RouterEvent[]> {
    return this.#ask('events', z.array(eventSchema));
  }

  /** By the command: `coscanet flows --json`. */
  flows(): Promise<FlowView[]> {
    return this.json(z.array(flowViewSchema), 'router', ['coscanet', 'flows', '--json']);
  }

  /** Process ids in a host whose command line fits. */
  async pids(host: string, pattern: RegExp): Promise<number[]> {
    const {stdout} = await run(['ip', 'netns', 'pids', `cosca-${this.name}-${host}`]);
    const all = stdout.split('\n').filter((line) => line !== '');
    const {stdout: lines} = await run(['ps', '-ww', '-o', 'pid=,args=', '-p', all.join(',')]);
    return lines
      .split('\n')
      .map((line) => /^ *(\d+) (.*)$/.exec(line))
      .filter((match) => match !== null && pattern.test(match[2] ?? ''))
      .map((match) => Number(match?.[1]));
  }

  /** Ends everything, also after a failure, and says what ran if `show` is given. */
  async down(show?: (text: string) => void): Promise<void> {
    for (const running of this.#running) running.child.kill('SIGKILL');
    if (show !== undefined) await this.tell(show);
    await must(['topology/down.sh', '--name', this.name]);
    rmSync(this.folder, {recursive: true, force: true});
    cleanedUp(this.name);
  }

  /** What ran last, and what router and agents say. */
  async tell(show: (text: string) => void): Promise<void> {
    for (const line of this.#history.slice(-HISTORY)) show(line);
    const logs = await run(['tail', '-n', '40', '--', ...(await this.#logs())]);
    show(logs.stdout);
  }

  async #logs(): Promise<string[]> {
    const {stdout} = await run(['find', `${this.runDir}/log`, '-name', '*.log']);
    return stdout.split('\n').filter((line) => line !== '');
  }
}
