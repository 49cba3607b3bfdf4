// What the agent knows of its endpoints from the inside. Each is looked at every second or as configured: stopped
// programs and accept queues that do not move, and what the configuration adds. A sick endpoint stays in the
// node's state with its reason: the router gives it no new flows.
//
// On several sockets of one endpoint (instances in DSR mode, SO_REUSEPORT) the kernel spreads connections without
// asking us, so that one sick among them makes the endpoint sick: others would get what it cannot serve.

import type {Clock, Timer} from '../../../router/base/clock.ts';
import {messageOf} from '../../../router/base/error.ts';
import type {Logger} from '../../../router/base/logger.ts';
import {defaultHealthRules} from '../../../router/protocol/health.ts';
import type {HealthRules} from '../../../router/protocol/health.ts';
import {containsPort} from '../../../router/protocol/messages.ts';
import type {ApplicationConfig, NodeEndpoint, PortRange} from '../../../router/protocol/messages.ts';
import type {FoundEndpoint} from '../endpoints.ts';
import {Patient} from './patient.ts';
import type {Insight} from './patient.ts';
import {probeCommand, probeHttp, probeTcp} from './probes.ts';
import type {Target} from './probes.ts';

export interface HealthSources extends Insight {
  orders(): readonly ApplicationConfig[];
  /** The node's own address, where NAT-mode sockets are. */
  address: string;
  /** The folder of programs that may be run as checks. */
  checksFolder: string;
}

const IDLE_MS = 1000;
/** Loopback addresses may reach virtual IPs on this node without the router (host/addresses.ts). */
const LOCAL_SOURCE = '127.0.0.1';

function keyOf({application, vip, protocol, port, nodePort}: NodeEndpoint): string {
  return `${application} ${vip}:${port}/${protocol}${nodePort === undefined ? '' : ` at port ${nodePort}`}`;
}

function isMeant(ranges: readonly PortRange[] | undefined, {protocol, port}: NodeEndpoint): boolean {
  return ranges === undefined || containsPort(ranges, protocol, port);
}

type Probe = readonly [name: string, run: () => Promise<string | null>];

export class Health {
  readonly #sources: HealthSources;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #onChange: () => void;
  readonly #patients = new Map<string, Patient>();
  #timer: Timer | null = null;
  #closed = false;

  constructor(sources: HealthSources, clock: Clock, log: Logger, onChange: () => void) {
    this.#sources = sources;
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

  /** The endpoints as the router is to know them: with what is wrong. Endpoints not among them are forgotten. */
  judge(found: readonly FoundEndpoint[]): NodeEndpoint[] {
    const keys = new Set<string>();
    const judged = found.map((one) => {
      const key = keyOf(one.endpoint);
      keys.add(key);
      const failing = this.#meet(key, one).failing() ?? this.#beginning(key);
      return failing === null ? one.endpoint : {...one.endpoint, failing};
    });
    for (const key of this.#patients.keys()) if (!keys.has(key)) this.#patients.delete(key);
    return judged;
  }

  #meet(key: string, found: FoundEndpoint): Patient {
    const known = this.#patients.get(key);
    if (known) {
      known.found = found;
      return known;
    }
    // What an agent finds when it starts served before: without orders yet, it knows of no probes.
    const patient = new Patient(found, this.#probesOf(found.endpoint).length === 0);
    this.#patients.set(key, patient);
    if (!patient.isKnown) this.#tickAfter(0);
    return patient;
  }

  #beginning(key: string): string | null {
    return this.#patients.get(key)?.isKnown === false ? 'not checked yet' : null;
  }

  #rulesOf(application: string): HealthRules {
    return this.#sources.orders().find(({name}) => name === application)?.health ?? defaultHealthRules;
  }

  #tickAfter(ms: number): void {
    this.#timer?.cancel();
    if (!this.#closed) this.#timer = this.#clock.after(ms, () => this.#tick());
  }

  #tick(): void {
    const now = this.#clock.now();
    let pause = IDLE_MS;
    for (const [key, patient] of this.#patients) {
      const rules = this.#rulesOf(patient.found.endpoint.application);
      pause = Math.min(pause, rules.interval * 1000);
      // A timer that fires a little early must not skip a turn.
      const isDue = now - patient.lastRound >= rules.interval * 900;
      if (patient.isBusy || !isDue) continue;
      patient.lastRound = now;
      patient.isBusy = true;
      void this.#round(key, patient, rules, now).finally(() => (patient.isBusy = false));
    }
    const members = [...this.#patients.values()].flatMap((patient) => patient.found.members);
    this.#sources.stopped.keepOnly(new Set(members.map(({socket}) => socket.inode)));
    this.#tickAfter(pause);
  }

  async #round(key: string, patient: Patient, rules: HealthRules, now: number): Promise<void> {
    const before = patient.isKnown ? patient.failing() : 'not checked yet';
    try {
      // Who cannot run is not asked: the questions would fill its queue.
      if (!patient.examine(rules, this.#sources, now)) await this.#ask(patient, rules);
    } catch (error) {
      // The kernel is short of memory, or the like: what was true last stays.
      this.#log.error({}, `cannot check ${key}: ${messageOf(error)}`);
      return;
    }
    const failing = patient.failing();
    if (this.#closed || failing === before || this.#patients.get(key) !== patient) return;
    if (failing === null) this.#log.info({}, `${key} is well`);
    else this.#log.warn({}, `${key} is failing: ${failing}`);
    this.#onChange();
  }

  async #ask(patient: Patient, rules: HealthRules): Promise<void> {
    const probes = this.#probesOf(patient.found.endpoint);
    const answers = await Promise.all(probes.map(async ([name, run]) => [name, await run()] as const));
    patient.probed(new Map(answers), rules);
  }

  #probesOf(endpoint: NodeEndpoint): Probe[] {
    const {vip, port, nodePort, protocol} = endpoint;
    const {tcp, http, command, timeout} = this.#rulesOf(endpoint.application);
    const target: Target =
      nodePort === undefined
        ? {address: vip, port, source: LOCAL_SOURCE}
        : {address: this.#sources.address, port: nodePort, source: null};
    const meant = <T extends {ports?: PortRange[] | undefined}>(checks: readonly T[]) =>
      checks.filter(({ports}) => isMeant(ports, endpoint));
    const connecting: Probe[] = [
      ...meant(tcp).map((_, index): Probe => [`tcp ${index}`, () => probeTcp(target, timeout)]),
      ...meant(http).map((check, index): Probe => {
        return [`http ${index}`, () => probeHttp(target, check, `${vip}:${port}`, timeout)];
      }),
    ];
    const running = meant(command).map((check, index): Probe => {
      const {checksFolder} = this.#sources;
      return [`command ${index}`, () => probeCommand(checksFolder, check, endpoint, target, timeout)];
    });
    return [...(protocol === 'tcp' ? connecting : []), ...running];
  }
}
