// A router's host in a network namespace, a peer with the nodes' addresses in another (root needed):
//
//     router: eth0 10.77.0.1/24 ───── peer: ext 10.77.0.9/24
//             eth1 10.88.0.1/24 ─────       int 10.88.0.11/24, 10.88.0.12/24

import {execFileSync, spawn, spawnSync} from 'node:child_process';
import {existsSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import test from 'ava';
import type {ExecutionContext} from 'ava';
import type {NodeState} from '../../router/protocol/messages.ts';
import {Namespaces} from '../support/namespaces.ts';
import {waitUntil} from '../support/wait.ts';

const bin = fileURLToPath(new URL('../../../../router/bin/', import.meta.url));
export const SECRET = 'a secret of the laboratory';
/** npm puts another nft first on the path. */
const env = {...process.env, PATH: `/usr/sbin:/usr/bin:/sbin:/bin:${process.env['PATH'] ?? ''}`};
type Host = 'router' | 'peer';
const DEADLINE_MS = 15_000;

export const config = `mode: dsr
interfaces: {external: eth0, internal: eth1}
applications:
  - name: web
    vips: [10.77.0.100]
    ports: [80/tcp]
`;

export interface Ended {
  status: number | null;
  stdout: string;
  stderr: string;
}

export interface Daemon {
  pid: number;
  ended: Promise<Ended>;
  kill(signal: NodeJS.Signals): void;
  /** What it has written so far. */
  log(): string;
  out(): string;
}

export class Lab {
  readonly #net = new Namespaces<Host>('lab');
  readonly folder = this.#net.folder;
  readonly bin = bin;
  readonly runDir = join(this.folder, 'run');
  readonly configFile = join(this.folder, 'router.yaml');
  readonly secretFile = join(this.folder, 'secret');
  readonly stateFile = join(this.folder, 'state', 'overrides.json');

  /** Makes it. */
  async up(): Promise<void> {
    await this.#net.add('router', 'peer');
    const wires = [
      ['eth0', '10.77.0.1/24', 'ext', ['10.77.0.9/24']],
      ['eth1', '10.88.0.1/24', 'int', ['10.88.0.11/24', '10.88.0.12/24']],
    ] as const;
    for (const [name, address, other, others] of wires) {
      await this.#net.wire({host: 'router', interface: name}, {host: 'peer', interface: other});
      await this.#net.ip('router', 'addr', 'add', address, 'dev', name);
      for (const one of others) await this.#net.ip('peer', 'addr', 'add', one, 'dev', other);
    }
    writeFileSync(this.secretFile, SECRET, {mode: 0o600});
  }

  configure(text: string): void {
    writeFileSync(this.configFile, text);
  }

  /** Runs a command in the peer's or the router's namespace; its output. */
  in(where: Host, ...command: string[]): string {
    const [file = '', ...words] = this.#net.inside(where, command);
    return execFileSync(file, words, {encoding: 'utf8', env});
  }

  /** The same, whatever its exit status. */
  try(where: Host, ...command: string[]): Ended {
    const [file = '', ...words] = this.#net.inside(where, command);
    return spawnSync(file, words, {encoding: 'utf8', env});
  }

  /** coscanet-router with this lab's files; `words` are added. */
  start(...words: string[]): Daemon {
    const files = ['--config', this.configFile, '--secret-file', this.secretFile].concat(
      ['--run-dir', this.runDir],
      ['--state-file', this.stateFile],
    );
    return this.#spawn('coscanet-router', ...(words[0] === 'cleanup' ? words : [...files, ...words]));
  }

  #spawn(name: string, ...args: string[]): Daemon {
    const [file = '', ...words] = this.#net.inside('router', [join(bin, name), ...args]);
    const child = spawn(file, words, {stdio: ['ignore', 'pipe', 'pipe']});
    const ended: Ended = {status: null, stdout: '', stderr: ''};
    child.stdout.on('data', (data: Buffer) => (ended.stdout += data.toString()));
    child.stderr.on('data', (data: Buffer) => (ended.stderr += data.toString()));
    return {
      pid: child.pid ?? 0,
      // "exit", not "close": forwarders that go on hold the pipe.
      ended: new Promise((resolve) => child.on('exit', (status) => resolve(Object.assign(ended, {status})))),
      kill: (signal) => void child.kill(signal),
      log: () => ended.stderr,
      out: () => ended.stdout,
    };
  }

  /** The operator's command line. */
  async coscanet(...words: string[]): Promise<Ended> {
    return await this.follow(...words).ended;
  }

  /** One of its commands that goes on. */
  follow(...words: string[]): Daemon {
    return this.#spawn('coscanet', ...words, '--run-dir', this.runDir);
  }

  /** A started daemon that is ready. */
  async router(...words: string[]): Promise<Daemon> {
    const daemon = this.start(...words);
    let failure: Ended | null = null;
    void daemon.ended.then((ended) => (failure = ended));
    await waitUntil('the router is ready', DEADLINE_MS, () => {
      if (failure) throw new Error(failure.stderr);
      return daemon.log().includes('router is ready');
    });
    return daemon;
  }

  /** PUTs a node's state as its agent would. */
  put(node: number, sequence: number, ports: number[], more: Partial<NodeState> = {}): string {
    const endpoints = ports.map((port) => ({
      application: 'web',
      vip: '10.77.0.100',
      protocol: 'tcp',
      port,
      instances: 1,
    }));
    const state = {address: `10.88.0.1${node}`, epoch: 1, sequence, endpoints, vips: [], ...more};
    const url = `http://10.88.0.1:7400/v1/nodes/node${node}`;
    const headers = [`authorization: Bearer ${SECRET}`, 'content-type: application/json'];
    const options = ['-s', '-m', '5', '-X', 'PUT', ...headers.flatMap((one) => ['-H', one])];
    return this.in('peer', 'curl', ...options, '-d', JSON.stringify(state), url);
  }

  /** Processes whose command line or inherited files belong to this lab's router namespace. */
  processes(): string[] {
    const pids = execFileSync('ip', ['netns', 'pids', this.#net.of('router')], {encoding: 'utf8'})
      .split('\n')
      .filter(Boolean);
    return pids.flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
        return command === '' ? [] : [`${pid} ${command}`];
      } catch {
        return [];
      }
    });
  }

  forwarders(): number[] {
    const found = this.processes().filter((line) => line.includes('forwarder-main.js'));
    return found.map((line) => Number(line.split(' ')[0]));
  }

  /** Tables, managed neighbors, what carries our mark, and processes in the router's namespace: [] when nothing is left. */
  leftovers(): string[] {
    const neighbors = this.in('router', 'ip', 'neigh').split('\n');
    const marked = ['link', 'rule', 'route'].flatMap((kind) =>
      this.in(
        'router',
        'ip',
        '-d',
        ...kind.split(' '),
        'show',
        ...(kind === 'route' ? ['table', 'all'] : []),
      ).split('\n'),
    );
    return [
      ...marked.filter((line) => /coscanet|proto 74|192\.0\.0\./.test(line)),
      ...this.in('router', 'nft', 'list', 'tables').split('\n'),
      ...neighbors.filter((line) => line.includes('managed')),
      ...this.processes(),
    ].filter((line) => line !== '');
  }

  assertNothingLeft(t: ExecutionContext): void {
    t.deepEqual(this.leftovers(), []);
    t.false(existsSync(this.runDir));
  }

  /** Ends every process in the router's namespace and removes what routers left. */
  async reset(): Promise<void> {
    for (const line of this.processes()) process.kill(Number(line.split(' ')[0]), 'SIGKILL');
    await waitUntil('all processes ended', DEADLINE_MS, () => this.processes().length === 0);
    rmSync(this.runDir, {recursive: true, force: true});
    rmSync(dirname(this.stateFile), {recursive: true, force: true});
    this.in('router', 'nft', 'flush', 'ruleset');
    this.in('router', 'ip', 'neigh', 'flush', 'all');
    this.in('router', 'sh', '-c', 'ip link del coscanet0 2>/dev/null; ip rule flush protocol 74');
  }

  async close(): Promise<void> {
    await this.reset();
    await this.#net.remove();
  }
}

/** One lab for all tests of a file, each of which begins with this configuration and with nothing that runs. */
export function useLab(text: string): Lab {
  const lab = new Lab();
  test.before(() => lab.up());
  test.after.always(() => lab.close());
  // A failed test must not fail those after it.
  test.afterEach.always(() => lab.reset());
  test.beforeEach(() => lab.configure(text));
  return lab;
}
