// A router's host in a network namespace, a peer with the nodes' addresses in another (root needed):
//
//     router: eth0 10.77.0.1/24 ───── peer: ext 10.77.0.9/24
//             eth1 10.88.0.1/24 ─────       int 10.88.0.11/24, 10.88.0.12/24

import {execFileSync, spawn} from 'node:child_process';
import {existsSync, mkdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import test from 'ava';
import type {ExecutionContext} from 'ava';
import type {NodeState} from '../../router/protocol/messages.ts';

const bin = fileURLToPath(new URL('../../../../router/bin/', import.meta.url));
export const SECRET = 'a secret of the laboratory';
/** npm puts another nft first on the path. */
const env = {...process.env, PATH: `/usr/sbin:/usr/bin:/sbin:/bin:${process.env['PATH'] ?? ''}`};
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

/** Waits until `condition` holds; fails with `what` after 15 s. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + DEADLINE_MS;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export class Lab {
  readonly #router = `cosca-router-${process.pid}`;
  readonly #peer = `cosca-peer-${process.pid}`;
  readonly folder = join(tmpdir(), `coscanet-lab-${process.pid}`);
  readonly runDir = join(this.folder, 'run');
  readonly configFile = join(this.folder, 'router.yaml');
  readonly secretFile = join(this.folder, 'secret');

  /** Makes it. */
  up(): void {
    mkdirSync(this.folder);
    for (const name of [this.#router, this.#peer]) this.#ip('netns', 'add', name);
    for (const name of [this.#router, this.#peer]) this.#ip('-n', name, 'link', 'set', 'lo', 'up');
    const wires = [
      ['eth0', '10.77.0.1/24', 'ext', ['10.77.0.9/24']],
      ['eth1', '10.88.0.1/24', 'int', ['10.88.0.11/24', '10.88.0.12/24']],
    ] as const;
    for (const [name, address, other, others] of wires) {
      this.#ip(
        'link',
        'add',
        name,
        'netns',
        this.#router,
        'type',
        'veth',
        'peer',
        'name',
        other,
        'netns',
        this.#peer,
      );
      this.#ip('-n', this.#router, 'addr', 'add', address, 'dev', name);
      for (const one of others) this.#ip('-n', this.#peer, 'addr', 'add', one, 'dev', other);
      this.#ip('-n', this.#router, 'link', 'set', name, 'up');
      this.#ip('-n', this.#peer, 'link', 'set', other, 'up');
    }
    writeFileSync(this.secretFile, SECRET, {mode: 0o600});
  }

  #ip(...args: string[]): string {
    return execFileSync('ip', args, {encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe']});
  }

  configure(text: string): void {
    writeFileSync(this.configFile, text);
  }

  /** Runs a command in the peer's or the router's namespace; its output. */
  in(where: 'router' | 'peer', command: string, ...args: string[]): string {
    const name = where === 'router' ? this.#router : this.#peer;
    return execFileSync('nsenter', [`--net=/run/netns/${name}`, command, ...args], {encoding: 'utf8', env});
  }

  /** coscanet-router with this lab's files; `words` are added. */
  start(...words: string[]): Daemon {
    const files = ['--config', this.configFile, '--secret-file', this.secretFile, '--run-dir', this.runDir];
    return this.#spawn('coscanet-router', ...(words[0] === 'cleanup' ? words : [...files, ...words]));
  }

  #spawn(name: string, ...args: string[]): Daemon {
    const child = spawn('nsenter', [`--net=/run/netns/${this.#router}`, join(bin, name), ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
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
    await until('the router is ready', () => {
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
    const pids = execFileSync('ip', ['netns', 'pids', this.#router], {encoding: 'utf8'})
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

  /** Tables, managed neighbours, what carries our mark, and processes in the router's namespace: [] when nothing is left. */
  leftovers(): string[] {
    const neighbours = this.in('router', 'ip', 'neigh').split('\n');
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
      ...neighbours.filter((line) => line.includes('managed')),
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
    await until('all processes ended', () => this.processes().length === 0);
    rmSync(this.runDir, {recursive: true, force: true});
    this.in('router', 'nft', 'flush', 'ruleset');
    this.in('router', 'ip', 'neigh', 'flush', 'all');
    this.in('router', 'sh', '-c', 'ip link del coscanet0 2>/dev/null; ip rule flush protocol 74');
  }

  async close(): Promise<void> {
    await this.reset();
    for (const name of [this.#router, this.#peer]) this.#ip('netns', 'del', name);
    rmSync(this.folder, {recursive: true});
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
