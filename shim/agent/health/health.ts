// Health of this node's endpoints, checked on the node. Each is checked every second or as configured: stopped
// programs and accept queues that do not move, and the probes of the configuration. A failing endpoint stays in the
// node's state with its reason: the router gives it no new flows.
//
// On several sockets of one endpoint (instances in DSR mode, SO_REUSEPORT) the kernel spreads connections without
// asking us, so that one failing among them makes the endpoint fail: it would get connections that it cannot serve.

import type {Clock, Timer} from '../../../router/base/clock.ts';
import {messageOf} from '../../../router/base/error.ts';
import type {Logger} from '../../../router/base/logger.ts';
import {defaultHealthRules} from '../../../router/protocol/health.ts';
import type {HealthRules} from '../../../router/protocol/health.ts';
import {containsPort} from '../../../router/protocol/messages.ts';
import type {ApplicationConfig, NodeEndpoint, PortRange} from '../../../router/protocol/messages.ts';
import type {FoundEndpoint} from '../endpoints.ts';
import {EndpointCheck} from './endpoint-check.ts';
import type {SocketInspection} from './endpoint-check.ts';
import {probeCommand, probeHttp, probeTcp} from './probes.ts';
import type {Target} from './probes.ts';

export interface HealthDeps extends SocketInspection {
  applicationConfigs(): readonly ApplicationConfig[];
  /** The node's own address, where NAT-mode sockets are. */
  address: string;
  /** The folder of programs that may be run as checks. */
  checksFolder: string;
}

const IDLE_MS = 1000;
/** Loopback addresses may reach virtual IPs on this node without the router (host/loopback-vips.ts). */
const LOCAL_SOURCE = '127.0.0.1';

function keyOf({application, vip, protocol, port, nodePort}: NodeEndpoint): string {
  return `${application} ${vip}:${port}/${protocol}${nodePort === undefined ? '' : ` at port ${nodePort}`}`;
}

function appliesTo(ranges: readonly PortRange[] | undefined, {protocol, port}: NodeEndpoint): boolean {
  return ranges === undefined || containsPort(ranges, protocol, port);
}

type Probe = readonly [name: string, run: () => Promise<string | null>];

export class Health {
  readonly #deps: HealthDeps;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #onChange: () => void;
  readonly #checks = new Map<string, EndpointCheck>();
  #timer: Timer | null = null;
  #closed = false;

  constructor(deps: HealthDeps, clock: Clock, log: Logger, onChange: () => void) {
    this.#deps = deps;
    this.#clock = clock;
    this.#log = log;
    this.#onChange = onChange;
  }

  start(): void {
    this.#tick();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  /** The endpoints with what is wrong with each, as the router gets them. Endpoints not among them are forgotten. */
  annotate(found: readonly FoundEndpoint[]): NodeEndpoint[] {
    const keys = new Set<string>();
    const annotated = found.map((one) => {
      const key = keyOf(one.endpoint);
      keys.add(key);
      const failing = this.#checkOf(key, one).failure() ?? this.#beforeFirstProbe(key);
      return failing === null ? one.endpoint : {...one.endpoint, failing};
    });
    for (const key of this.#checks.keys()) if (!keys.has(key)) this.#checks.delete(key);
    return annotated;
  }

  #checkOf(key: string, found: FoundEndpoint): EndpointCheck {
    const known = this.#checks.get(key);
    if (known) {
      known.found = found;
      return known;
    }
    // What an agent finds when it starts served before: without a configuration yet, it knows of no probes.
    const check = new EndpointCheck(found, this.#probesOf(found.endpoint).length === 0);
    this.#checks.set(key, check);
    if (!check.checked) this.#tickAfter(0);
    return check;
  }

  #beforeFirstProbe(key: string): string | null {
    return this.#checks.get(key)?.checked === false ? 'not checked yet' : null;
  }

  #rulesOf(application: string): HealthRules {
    return (
      this.#deps.applicationConfigs().find(({name}) => name === application)?.health ?? defaultHealthRules
    );
  }

  #tickAfter(ms: number): void {
    this.#timer?.cancel();
    if (!this.#closed) this.#timer = this.#clock.after(ms, () => this.#tick());
  }

  #tick(): void {
    const now = this.#clock.now();
    let pause = IDLE_MS;
    for (const [key, check] of this.#checks) {
      const rules = this.#rulesOf(check.found.endpoint.application);
      pause = Math.min(pause, rules.interval * 1000);
      // A timer that fires a little early must not skip a round.
      const isDue = now - check.lastRound >= rules.interval * 900;
      if (check.busy || !isDue) continue;
      check.lastRound = now;
      check.busy = true;
      void this.#round(key, check, rules, now).finally(() => (check.busy = false));
    }
    const members = [...this.#checks.values()].flatMap((check) => check.found.members);
    this.#deps.stopped.keepOnly(new Set(members.map(({socket}) => socket.inode)));
    this.#tickAfter(pause);
  }

  async #round(key: string, check: EndpointCheck, rules: HealthRules, now: number): Promise<void> {
    const before = check.checked ? check.failure() : 'not checked yet';
    try {
      // A program that cannot run is not probed: the probes would fill its queue.
      if (!check.inspect(rules, this.#deps, now)) await this.#probe(check, rules);
    } catch (error) {
      // The kernel is short of memory, or the like: what was true last stays.
      this.#log.error({}, `cannot check ${key}: ${messageOf(error)}`);
      return;
    }
    const failing = check.failure();
    if (this.#closed || failing === before || this.#checks.get(key) !== check) return;
    if (failing === null) this.#log.info({}, `${key} is healthy`);
    else this.#log.warn({}, `${key} is failing: ${failing}`);
    this.#onChange();
  }

  async #probe(check: EndpointCheck, rules: HealthRules): Promise<void> {
    const probes = this.#probesOf(check.found.endpoint);
    const answers = await Promise.all(probes.map(async ([name, run]) => [name, await run()] as const));
    check.takeProbeResults(new Map(answers), rules);
  }

  #probesOf(endpoint: NodeEndpoint): Probe[] {
    const {vip, port, nodePort, protocol} = endpoint;
    const {tcp, http, command, timeout} = this.#rulesOf(endpoint.application);
    const target: Target =
      nodePort === undefined
        ? {address: vip, port, source: LOCAL_SOURCE}
        : {address: this.#deps.address, port: nodePort, source: null};
    const applying = <T extends {ports?: PortRange[] | undefined}>(checks: readonly T[]) =>
      checks.filter(({ports}) => appliesTo(ports, endpoint));
    const connecting: Probe[] = [
      ...applying(tcp).map((_, index): Probe => [`tcp ${index}`, () => probeTcp(target, timeout)]),
      ...applying(http).map((probe, index): Probe => {
        return [`http ${index}`, () => probeHttp(target, probe, `${vip}:${port}`, timeout)];
      }),
    ];
    const running = applying(command).map((probe, index): Probe => {
      const {checksFolder} = this.#deps;
      return [`command ${index}`, () => probeCommand(checksFolder, probe, endpoint, target, timeout)];
    });
    return [...(protocol === 'tcp' ? connecting : []), ...running];
  }
}
