// The network of three real machines, while one set-up has it.

import {fileURLToPath} from 'node:url';
import {z} from 'zod';
import type {Program} from '../exec.ts';
import {configuration} from '../setups/ours.ts';
import type {CpuTime} from './cpu.ts';
import type {Hosts} from './find-hosts.ts';
import {write} from './host.ts';
import type {Host} from './host.ts';
import type {Network, Shape} from './network.ts';
import {CleanupStack} from './cleanup-stack.ts';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const CONTROL_PORT = 7400;
const CGROUP = 'coscanet-perf';

const READY_SECONDS = 20;

const nodesSchema = z.array(z.object({state: z.string(), mac: z.string().nullish()}));
const measuredSchema = z.strictObject({router: z.number(), machine: z.number(), memory: z.number()});

export class HostsNetwork implements Network {
  readonly client: Host;
  readonly router: Host;
  readonly node: Host;
  readonly nodes: readonly Host[];
  readonly external: string;
  readonly internal: string;
  readonly nodeInterface: string;
  readonly nodeInterfaces: readonly string[];
  readonly nodeAddress: string;
  readonly nodeInside: string;
  readonly vip: string;
  readonly clientInterface: string;
  readonly spareAddresses: readonly string[] = [];
  readonly control: string;
  readonly programs: Program[] = [];
  readonly #cleanUp = new CleanupStack();
  #environment: readonly string[] = [];

  constructor(hosts: Hosts) {
    const {client, router, node, routerOutside, routerInside, nodeInside, nodeOutside} = hosts;
    this.client = client;
    this.router = router;
    this.node = node;
    this.nodes = [node];
    this.vip = hosts.vip;
    this.external = routerOutside.device;
    this.internal = routerInside.device;
    this.nodeInside = nodeInside.address;
    this.nodeAddress = (nodeOutside ?? nodeInside).address;
    this.nodeInterface = nodeInside.device;
    this.nodeInterfaces = [...new Set([nodeInside.device, ...(nodeOutside ? [nodeOutside.device] : [])])];
    this.clientInterface = hosts.clientDevice;
    this.control = `${routerInside.address}:${CONTROL_PORT}`;
  }

  /** Router and agent, with the command lines of their units. */
  async startOurs(shape: Shape, forwarders: number, settings: string, secret: string): Promise<void> {
    const {router, node} = this;
    const there = await this.#folder(router, secret);
    await write(router, `${there}/router.yaml`, configuration(this.vip, settings));
    this.keep(router, [
      'env',
      `COSCANET_STATE_FILE=${there}/overrides.json`,
      `${ROOT}router/bin/coscanet-router`,
      ...['--mode', shape, '--config', `${there}/router.yaml`].concat(
        ['--external', this.external, '--internal', this.internal, '--forwarders', String(forwarders)],
        ['--control', this.control, '--secret-file', `${there}/secret`, '--run-dir', `${there}/run`],
      ),
    ]);
    const here = await this.#folder(node, secret);
    const mount = `source '${ROOT}topology/lib.sh'; cd "$(cgroup_mount)"`;
    await node.run(['bash', '-c', `${mount}; mkdir -p "$1"`, 'bash', CGROUP]);
    this.cleanUp(node, ['bash', '-c', `${mount}; find "$1" -depth -type d -exec rmdir {} +`, 'bash', CGROUP]);
    const common = {
      COSCANET_NODE: 'perf',
      COSCANET_ROUTER: this.control,
      COSCANET_ADDRESS: this.nodeInside,
      COSCANET_SECRET_FILE: `${here}/secret`,
      COSCANET_RUN_DIR: here,
      COSCANET_CGROUP_ROOT: `/${CGROUP}`,
    };
    this.#environment = ['env', ...Object.entries(common).map(([name, value]) => `${name}=${value}`)];
    this.keep(node, [...this.#environment, `${ROOT}shim/bin/coscanet-node`, 'agent']);
    await this.#ready(`${there}/run`);
  }

  async #ready(runDir: string): Promise<void> {
    const ask = ['env', `COSCANET_RUN_DIR=${runDir}`, `${ROOT}router/bin/coscanet`, 'nodes', '--json'];
    const deadline = Date.now() + READY_SECONDS * 1000;
    for (;;) {
      const nodes = await this.router.run(ask).then(
        (text) => nodesSchema.parse(JSON.parse(text)),
        () => [],
      );
      if (nodes.some(({state, mac}) => state === 'up' && mac !== null)) return;
      const ended = this.programs.flatMap(({lastWords}) => lastWords ?? []);
      if (ended.length > 0 || Date.now() > deadline)
        throw new Error(['router and agent do not find each other', ...ended].join('; '));
    }
  }

  async #folder(host: Host, secret: string): Promise<string> {
    const folder = (await host.run(['mktemp', '-d', '/run/coscanet-perf-XXXXXX'])).trim();
    this.cleanUp(host, ['rm', '-rf', folder]);
    await write(host, `${folder}/secret`, secret);
    await host.run(['chmod', '600', `${folder}/secret`]);
    return folder;
  }

  instance(command: readonly string[]): readonly string[] {
    return [...this.#environment, `${ROOT}shim/bin/coscanet-node`, 'run', '--app', 'web', '--', ...command];
  }

  keep(host: Host, command: readonly string[]): Program {
    const program = host.start(command);
    this.programs.push(program);
    return program;
  }

  async cpu(): Promise<CpuTime> {
    const {router, machine} = await this.#measured();
    return {router, machine};
  }

  async memory(): Promise<number> {
    return (await this.#measured()).memory;
  }

  async #measured(): Promise<z.infer<typeof measuredSchema>> {
    const program = fileURLToPath(new URL('../tools/cpu-time.js', import.meta.url));
    return measuredSchema.parse(JSON.parse(await this.router.run(['node', program])));
  }

  cleanUp(host: Host, command: readonly string[]): void {
    this.#cleanUp.add(host, command);
  }

  async down(): Promise<void> {
    // Servers before the agent, which then leaves the node as it was; the router last.
    for (const program of this.programs.reverse()) await program.stop();
    await this.#cleanUp.all();
  }
}
