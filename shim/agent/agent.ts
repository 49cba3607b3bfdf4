// The node agent: connects its parts.
//
//   programs ──► RequestServer ──► Binder ──► kernel           Endpoints (dumps) ──► RouterClient ──PUT──► router
//                             └──► SourceSelector                 ▲    ▲                  │
//                                    └──► LoopbackVips (rules) ───┘    └── destroy events, cgroups, config
//
// It keeps nothing that the kernel does not know, but for the settings it changed and the port blocks it has
// (StateFile): killed and started again it finds all endpoints, and what NAT-mode sockets stand for (VirtualAddresses).

import fs from 'node:fs';
import type {AgentNative, DestroyWatcher} from '../../addon/agent.ts';
import type {Clock, Timer} from '../../router/base/clock.ts';
import {UserError, messageOf} from '../../router/base/error.ts';
import type {Exec} from '../../router/base/exec.ts';
import type {Logger} from '../../router/base/logger.ts';
import {readSecret} from '../../router/base/secret.ts';
import type {NodeConfig} from '../../router/protocol/messages.ts';
import {Binder} from './binder.ts';
import {Endpoints} from './endpoints.ts';
import {ExclusivePorts} from './exclusive-ports.ts';
import {LoopbackVips} from './host/loopback-vips.ts';
import {OwnAddress} from './host/own-address.ts';
import {StateFile, isAgent} from './host/state-file.ts';
import {Instances} from './instances.ts';
import {Modes} from './mode/modes.ts';
import {NodeConfigStore} from './node-config-store.ts';
import {NodeStatus} from './node-status.ts';
import type {AgentOptions} from './options.ts';
import {OutboundFlows} from './outbound/outbound-flows.ts';
import {boundSockets} from './port-owner.ts';
import {RequestServer} from './request-server.ts';
import {RouterClient, RouterRefusal, describeFailure} from './router-client.ts';
import {VirtualAddresses} from './virtual-addresses.ts';

/** A bind of an application that the router does not know asks it once more. */
const FRESH_CONFIG_WAIT_MS = 1000;
const HOUSEKEEPING_MS = 5000;

export interface AgentDeps {
  native: AgentNative;
  exec: Exec;
  clock: Clock;
  log: Logger;
}

export class Agent {
  readonly #options: AgentOptions;
  readonly #deps: AgentDeps;
  readonly #state: StateFile;
  readonly #nodeConfig: NodeConfigStore;
  readonly #instances: Instances;
  readonly #loopbackVips: LoopbackVips;
  readonly #virtualAddresses: VirtualAddresses;
  readonly #modes: Modes;
  readonly #endpoints: Endpoints;
  readonly #status: NodeStatus;
  readonly #outboundFlows: OutboundFlows;
  readonly #exclusivePorts: ExclusivePorts;
  readonly #client: RouterClient;
  readonly #requests: RequestServer;
  readonly #ownAddress: OwnAddress;
  readonly #onFatal: (error: UserError) => void;
  #destroyed: DestroyWatcher | null = null;
  #housekeeping: Timer | null = null;

  /** `onFatal`: the router has refused this agent before it ever served. */
  constructor(options: AgentOptions, deps: AgentDeps, onFatal: (error: UserError) => void) {
    const {native, exec, clock, log} = deps;
    this.#options = options;
    this.#deps = deps;
    this.#onFatal = onFatal;
    this.#state = new StateFile(options.runDir, options.node);
    this.#nodeConfig = new NodeConfigStore(clock, log);
    const mountinfo = fs.readFileSync('/proc/self/mountinfo', 'utf8');
    this.#instances = new Instances(mountinfo, options.cgroupRoot, () => this.#endpoints.refresh());
    this.#loopbackVips = new LoopbackVips(exec, clock, this.#state, log);
    this.#virtualAddresses = new VirtualAddresses(native, clock);
    this.#modes = this.#makeModes();
    this.#endpoints = this.#makeEndpoints();
    this.#status = this.#makeStatus(mountinfo);
    this.#outboundFlows = this.#makeOutboundFlows();
    this.#exclusivePorts = new ExclusivePorts({
      config: () => this.#nodeConfig.current,
      bound: () => this.#endpoints.boundPorts(),
      send: this.#deliver,
      clock,
    });
    this.#client = this.#makeClient();
    const consequence = 'nobody reaches this node';
    this.#ownAddress = new OwnAddress({native, log, address: options.address, consequence});
    this.#requests = new RequestServer({
      native,
      binder: this.#makeBinder(),
      sources: this.#outboundFlows.sources,
      register: () => this.#register(),
    });
  }

  #makeModes(): Modes {
    return new Modes({
      ...this.#deps,
      ofCgroup: (cgroup) => this.#instances.ofCgroup(cgroup),
      ensureVip: (vip) => this.#loopbackVips.ensure(vip),
      virtualAddresses: this.#virtualAddresses,
      address: this.#address,
    });
  }

  #makeEndpoints(): Endpoints {
    return new Endpoints({
      ...this.#deps,
      instanceOf: (cgroup) => this.#instances.ofCgroup(cgroup),
      vips: () => this.#loopbackVips.carried(),
      address: this.#address,
      virtualAddresses: this.#virtualAddresses,
      modes: this.#modes,
      isBlockPort: (vip, port) => this.#outboundFlows.blocks.containing(vip, port) !== null,
      config: () => this.#nodeConfig.current,
      annotate: (found) => this.#status.annotate(found),
      onChange: () => this.#client.send(),
    });
  }

  #makeStatus(mountinfo: string): NodeStatus {
    return new NodeStatus(this.#options, mountinfo, this.#deps, {
      instances: this.#instances,
      applicationConfigs: () => this.#nodeConfig.current?.applications ?? [],
      applications: () => new Set(this.#endpoints.current.map(({application}) => application)),
      onHealth: () => this.#endpoints.refresh(),
      onLevels: () => this.#client.send(),
    });
  }

  #makeOutboundFlows(): OutboundFlows {
    return new OutboundFlows({
      ...this.#deps,
      stored: this.#state,
      awaitConfig: () => this.#nodeConfig.wait(),
      instanceOf: (pid) => this.#instances.ofProcess(pid),
      ensureVip: (vip) => this.#loopbackVips.ensure(vip),
      vips: () => this.#loopbackVips.carried(),
      address: this.#address,
      modes: this.#modes,
      endpoints: () => this.#endpoints.current,
      endpointOf: (connection) => this.#endpoints.ofConnection(connection),
      send: this.#deliver,
    });
  }

  #makeClient(): RouterClient {
    const {router, node, secretFile, address} = this.#options;
    const options = {
      router,
      node,
      epoch: this.#state.epoch,
      secret: () => readSecret(secretFile),
      state: () => ({
        address,
        vips: this.#loopbackVips.carried(),
        levels: this.#status.levels,
        exclusive: this.#exclusivePorts.report(),
        ...this.#outboundFlows.report(),
      }),
      onConfig: (config: NodeConfig) => this.#onConfig(config),
      onFailure: (error: unknown) => this.#onFailure(error),
    };
    return new RouterClient(options, this.#deps.clock);
  }

  #makeBinder(): Binder {
    const {native, log} = this.#deps;
    return new Binder({
      native,
      awaitConfig: () => this.#nodeConfig.wait(),
      refreshConfig: async () => {
        await this.#deliver(FRESH_CONFIG_WAIT_MS);
        return this.#nodeConfig.current;
      },
      instances: this.#instances,
      sources: this.#outboundFlows.sources,
      blocks: this.#outboundFlows.blocks,
      exclusivePorts: this.#exclusivePorts,
      modes: this.#modes,
      onDatagramBound: () => this.#register(),
      log,
    });
  }

  /** Resolves when programs can bind. Throws a UserError if the agent cannot serve this node. */
  async start(): Promise<void> {
    const {native} = this.#deps;
    readSecret(this.#options.secretFile);
    this.#requests.listen();
    if (this.#state.previousPid !== 0 && !isAgent(this.#state.previousPid)) {
      this.#deps.log.info({}, 'taking over from an agent that was killed, or left its instances running');
    }
    this.#state.write();
    await this.#loopbackVips.adopt();
    this.#destroyed = native.watchDestroyed(
      (cookie) => {
        this.#virtualAddresses.forget(cookie);
        if (this.#endpoints.has(cookie)) this.#endpoints.refresh();
      },
      () => this.#endpoints.refresh(),
    );
    this.#endpoints.refresh();
    if (this.#state.previousPid !== 0) await this.#outboundFlows.adopt();
    this.#status.start();
    this.#ownAddress.start();
    this.#housekeeping = this.#deps.clock.every(HOUSEKEEPING_MS, () => void this.#housekeep());
    this.#client.send();
  }

  /**
   * Stops in order. While instances live, everything stays for the next agent and the router keeps the endpoints,
   * unless `leaving`. Without instances, or when leaving, nothing of ours remains but addresses that are in use.
   */
  async stop(leaving: boolean): Promise<void> {
    const {log} = this.#deps;
    this.#requests.close();
    this.#destroyed?.close();
    this.#ownAddress.close();
    this.#housekeeping?.cancel();
    const alive = this.#instances.anyAlive();
    const goes = leaving || !alive;
    this.#endpoints.close();
    this.#status.close();
    await this.#client.stop(goes && this.#nodeConfig.current !== null).catch((error: unknown) => {
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
    await this.#loopbackVips.removeAll();
    this.#instances.removeEmpty();
    this.#state.remove();
    log.info({}, 'stopped; nothing left behind');
  }

  /** Where NAT-mode sockets are: on the router's own host the router says so. */
  readonly #address = (): string => this.#state.address ?? this.#options.address;

  /** Resolves when the router knows what the kernel shows now: a peer may be told of it at once. */
  #register(): Promise<boolean> {
    this.#endpoints.refresh();
    return this.#client.registered();
  }

  /** Sends the state; true when the router has answered it. */
  readonly #deliver = (waitMs: number): Promise<boolean> => {
    this.#client.send();
    return this.#client.settled(waitMs);
  };

  #onConfig(config: NodeConfig): void {
    this.#state.setAddress(config.address);
    this.#loopbackVips.setRouter(config.router, config.address ?? this.#options.address);
    if (this.#nodeConfig.take(config)) this.#endpoints.refresh();
    this.#outboundFlows.onConfig(config);
    this.#nodeConfig.release();
  }

  #onFailure(error: unknown): void {
    const {router, secretFile} = this.#options;
    const text = describeFailure(error, router, secretFile);
    // A refusal of this agent's secret or state is permanent; a router that is silent may come back.
    const refused = error instanceof RouterRefusal && [400, 401].includes(error.status);
    if (refused && this.#nodeConfig.current === null) this.#onFatal(new UserError(text));
    else this.#nodeConfig.fail(text);
  }

  async #housekeep(): Promise<void> {
    const {native, clock} = this.#deps;
    this.#instances.removeDead();
    if (this.#outboundFlows.releaseUnused(clock.now() - this.#options.addressGraceMs)) this.#client.send();
    this.#virtualAddresses.keepOnly([...boundSockets(native, 'tcp'), ...boundSockets(native, 'udp')]);
    const served = new Set(
      [...this.#endpoints.boundPorts(), ...this.#outboundFlows.endpoints()].map(({vip}) => vip),
    );
    await this.#loopbackVips.releaseUnused(
      clock.now() - this.#options.addressGraceMs,
      (vip) => served.has(vip) || native.addressInUse(vip),
    );
    const config = this.#nodeConfig.current;
    if (config === null) return;
    if (this.#loopbackVips.carried().length > 0) await this.#loopbackVips.maintain();
    else if (this.#modes.of(config.mode).restoresIdleHost) await this.#loopbackVips.leaveHost();
  }
}
