// The node agent: puts the parts together.
//
//   programs ──@coscanet-agent──► Binder ──► kernel          Endpoints (dumps) ──► RouterClient ──PUT──► router
//                                   │                            ▲    ▲                  │
//                                   └──► Addresses (lo, rules) ──┘    └── destroy events, cgroups, orders
//
// It keeps nothing that the kernel does not know, but for the settings it changed (StateFile): killed and
// started again it finds all endpoints as they are, also what translated sockets stand for (VirtualNames).

import fs from 'node:fs';
import type {AgentNative, DestroyWatcher, ShimRequest, ShimServer} from '../../addon/agent.ts';
import type {Clock, Timer} from '../../router/base/clock.ts';
import {UserError, codeOf, messageOf} from '../../router/base/error.ts';
import type {Exec} from '../../router/base/exec.ts';
import type {Logger} from '../../router/base/logger.ts';
import {readSecret} from '../../router/base/secret.ts';
import type {NodeOrders} from '../../router/control/protocol.ts';
import {Binder} from './binder.ts';
import {Condition} from './condition.ts';
import {Endpoints} from './endpoints.ts';
import {boundSockets} from './holder.ts';
import {Addresses} from './host/addresses.ts';
import {StateFile, isAgent} from './host/state-file.ts';
import {Instances} from './instances.ts';
import type {AgentOptions} from './options.ts';
import {RouterClient, RouterRefusal} from './router-client.ts';
import {Translator} from './translator.ts';
import {VirtualNames} from './virtual-names.ts';

export const SHIM_NAME = 'coscanet-agent';

/** A program waits 5 s for its bind; the reason must reach it before. */
const ORDERS_WAIT_MS = 4500;
/** And 50 ms for the registration of what listens. */
const REGISTER_WAIT_MS = 40;
/** A bind of an application that the router does not know asks it once more. */
const FRESH_ORDERS_WAIT_MS = 1000;
const HOUSEKEEPING_MS = 5000;

export interface AgentParts {
  native: AgentNative & {closeDescriptor(fd: number): void};
  exec: Exec;
  clock: Clock;
  log: Logger;
}

export class Agent {
  readonly #options: AgentOptions;
  readonly #parts: AgentParts;
  readonly #state: StateFile;
  readonly #instances: Instances;
  readonly #addresses: Addresses;
  readonly #names: VirtualNames;
  readonly #endpoints: Endpoints;
  readonly #condition: Condition;
  readonly #client: RouterClient;
  readonly #binder: Binder;
  readonly #onFatal: (error: UserError) => void;
  readonly #waiting = new Set<() => void>();
  #orders: NodeOrders | null = null;
  #shim: ShimServer | null = null;
  #destroyed: DestroyWatcher | null = null;
  #housekeeping: Timer | null = null;
  #lastFailure = '';
  #lastRefused = '';

  /** `onFatal`: the router has refused this agent before it ever served. */
  constructor(options: AgentOptions, parts: AgentParts, onFatal: (error: UserError) => void) {
    const {native, exec, clock, log} = parts;
    this.#options = options;
    this.#parts = parts;
    this.#onFatal = onFatal;
    this.#state = new StateFile(options.runDir, options.node);
    const mountinfo = fs.readFileSync('/proc/self/mountinfo', 'utf8');
    this.#instances = new Instances(mountinfo, options.cgroupRoot, () => this.#endpoints.refresh());
    this.#addresses = new Addresses(exec, clock, this.#state, log);
    this.#names = new VirtualNames(native, clock);
    const ofCgroup = (cgroup: bigint) => this.#instances.ofCgroup(cgroup);
    this.#endpoints = new Endpoints(
      {
        native,
        instanceOf: ofCgroup,
        vips: () => this.#addresses.carried(),
        address: options.address,
        names: this.#names,
        orders: () => this.#orders,
      },
      (found) => this.#condition.judge(found),
      clock,
      log,
      () => this.#client.send(),
    );
    this.#condition = this.#conditionOf(mountinfo);
    this.#client = new RouterClient(
      {
        router: options.router,
        node: options.node,
        epoch: this.#state.epoch,
        secret: () => readSecret(options.secretFile),
        state: () => ({
          address: options.address,
          endpoints: [...this.#endpoints.current],
          vips: this.#addresses.carried(),
          levels: this.#condition.levels,
        }),
        onOrders: (orders) => this.#onOrders(orders),
        onFailure: (error) => this.#onFailure(error),
      },
      clock,
    );
    this.#binder = new Binder({
      native,
      orders: () => this.#awaitOrders(),
      freshOrders: async () => {
        this.#client.send();
        await this.#client.settled(FRESH_ORDERS_WAIT_MS);
        return this.#orders;
      },
      instances: this.#instances,
      ensureAddress: (vip) => this.#addresses.ensure(vip),
      translator: new Translator({native, ofCgroup, names: this.#names, address: options.address, log}),
      onDatagramBound: () => this.#endpoints.refresh(),
      log,
    });
  }

  #conditionOf(mountinfo: string): Condition {
    return new Condition(this.#options, mountinfo, this.#parts, {
      instances: this.#instances,
      orders: () => this.#orders?.applications ?? [],
      applications: () => new Set(this.#endpoints.current.map(({application}) => application)),
      onHealth: () => this.#endpoints.refresh(),
      onLevels: () => this.#client.send(),
    });
  }

  /** Resolves when programs can bind. Throws a UserError if the agent cannot serve this node. */
  async start(): Promise<void> {
    const {native} = this.#parts;
    readSecret(this.#options.secretFile);
    try {
      this.#shim = native.listenShim(SHIM_NAME, (request) => void this.#serve(request));
    } catch (error) {
      throw codeOf(error) === 'EADDRINUSE'
        ? new UserError('another agent serves this network namespace (@coscanet-agent is taken)')
        : error;
    }
    if (this.#state.previousPid !== 0 && !isAgent(this.#state.previousPid)) {
      this.#parts.log.info(
        {},
        'taking over from an agent that did not end in order, or left its instances running',
      );
    }
    this.#state.write();
    await this.#addresses.adopt();
    this.#destroyed = native.watchDestroyed(
      (cookie) => {
        if (this.#endpoints.has(cookie)) this.#endpoints.refresh();
      },
      () => this.#endpoints.refresh(),
    );
    this.#endpoints.refresh();
    this.#condition.start();
    this.#housekeeping = this.#parts.clock.every(HOUSEKEEPING_MS, () => void this.#keepHouse());
    this.#client.send();
  }

  /**
   * Ends in order. While instances live, everything stays for the next agent and the router keeps the endpoints,
   * unless `leaving`. Without instances, or when leaving, nothing of ours remains but addresses that are in use.
   */
  async stop(leaving: boolean): Promise<void> {
    const {log} = this.#parts;
    this.#shim?.close();
    this.#destroyed?.close();
    this.#housekeeping?.cancel();
    const alive = this.#instances.anyAlive();
    const goes = leaving || !alive;
    this.#endpoints.close();
    this.#condition.close();
    await this.#client.stop(goes && this.#orders !== null).catch((error: unknown) => {
      log.warn({}, `the router was not told that this node leaves: ${messageOf(error)}`);
    });
    this.#instances.close();
    if (!goes) {
      log.info({}, 'stopped; instances live on, their endpoints and addresses stay for the next agent');
      return;
    }
    if (alive) {
      log.warn({}, 'instances live on: their addresses stay until the next agent, or coscanet-node cleanup');
      return;
    }
    await this.#addresses.removeAll();
    this.#instances.removeEmpty();
    this.#state.remove();
    log.info({}, 'stopped; nothing left behind');
  }

  async #serve(request: ShimRequest): Promise<void> {
    const {native} = this.#parts;
    // Our copy is closed before the answer: whatever the program does next, it is the only holder.
    if (request.kind === 'listen') {
      native.closeDescriptor(request.descriptor);
      this.#endpoints.refresh();
      await this.#client.settled(REGISTER_WAIT_MS);
      request.reply(0, '');
      return;
    }
    const refused = await this.#binder.bind(request);
    native.closeDescriptor(request.descriptor);
    request.reply(refused?.errno ?? 0, refused?.reason ?? '');
  }

  #awaitOrders(): Promise<NodeOrders | null> {
    if (this.#orders !== null) return Promise.resolve(this.#orders);
    return new Promise((resolve) => {
      const done = () => {
        timer.cancel();
        this.#waiting.delete(done);
        resolve(this.#orders);
      };
      const timer = this.#parts.clock.after(ORDERS_WAIT_MS, done);
      this.#waiting.add(done);
    });
  }

  #onOrders(orders: NodeOrders): void {
    const {log} = this.#parts;
    const before = this.#orders;
    this.#orders = orders;
    this.#addresses.setRouter(orders.router.address);
    if (this.#lastFailure !== '' || before === null) {
      log.info({router: orders.router}, `the router ${orders.router.address} answers`);
    }
    this.#lastFailure = '';
    const refused = orders.refused.map(({endpoint, reason}) => {
      return `${endpoint.application} ${endpoint.vip}:${endpoint.port}/${endpoint.protocol}: ${reason}`;
    });
    if (refused.join() !== this.#lastRefused) {
      for (const line of refused) log.error({}, `the router refuses an endpoint: ${line}`);
    }
    this.#lastRefused = refused.join();
    if (before !== null && before.mode !== orders.mode) {
      log.warn(
        {},
        `the router is in ${orders.mode.toUpperCase()} mode now: programs have to be started again`,
      );
    }
    const ruling = (given: NodeOrders | null) => JSON.stringify([given?.mode, given?.applications]);
    if (ruling(before) !== ruling(orders)) this.#endpoints.refresh();
    for (const done of this.#waiting) done();
  }

  #onFailure(error: unknown): void {
    const {router, secretFile} = this.#options;
    const where = `router ${router.address}:${router.port}`;
    const isRefusal = error instanceof RouterRefusal;
    const text =
      isRefusal && error.status === 401
        ? `${where} refused the secret in ${secretFile}`
        : `${where}: ${messageOf(error)}`;
    // A router that refuses what this agent is will not change its mind; one that is silent may come back.
    if (isRefusal && [400, 401].includes(error.status) && this.#orders === null) {
      this.#onFatal(new UserError(text));
      return;
    }
    if (text !== this.#lastFailure) this.#parts.log.error({}, text);
    this.#lastFailure = text;
  }

  async #keepHouse(): Promise<void> {
    const {native, clock} = this.#parts;
    this.#instances.tidy();
    this.#names.keepOnly([...boundSockets(native, 'tcp'), ...boundSockets(native, 'udp')]);
    const onVips = this.#endpoints.current.filter((endpoint) => endpoint.nodePort === undefined);
    const served = new Set(onVips.map((endpoint) => endpoint.vip));
    await this.#addresses.releaseUnused(
      clock.now() - this.#options.addressGraceMs,
      (vip) => served.has(vip) || native.addressInUse(vip),
    );
    if (this.#orders === null) return;
    if (this.#addresses.carried().length > 0) await this.#addresses.maintain();
    else if (this.#orders.mode === 'nat') await this.#addresses.leaveHost();
  }
}
