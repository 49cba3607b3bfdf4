// Conversations that the router is told of, so that their packets find this node: before the first packet of one
// that a program opens from a service's port (a pin), those that the router asks to confirm, and all when its flow
// table began empty. At most MAX_CLAIMS go with one message; the rest with the next.

import os from 'node:os';
import type {AgentNative, Connection} from '../../../addon/agent.ts';
import {messageOf} from '../../../router/base/error.ts';
import type {Logger} from '../../../router/base/logger.ts';
import {
  type Claim,
  MAX_CLAIMS,
  type NodeEndpoint,
  type NodeConfig,
} from '../../../router/protocol/messages.ts';
import {type Refusal, refusal} from '../bind-rules.ts';

const {EADDRNOTAVAIL} = os.constants.errno;

/** A program waits 5 s; the reason must reach it before. */
const PIN_WAIT_MS = 4500;
/** Datagram conversations that are told again to a router that forgot: the last ones. */
const MAX_PINS = 4096;

export interface ClaimsParts {
  native: Pick<AgentNative, 'liveConnections' | 'readConnections'>;
  /** The node's address, where NAT-mode sockets are (NAT). */
  address: () => string;
  endpoints(): readonly NodeEndpoint[];
  /** Sends the state; true when the router has answered it. */
  send(waitMs: number): Promise<boolean>;
  log: Logger;
}

interface Entry {
  claim: Claim;
  /** The router has answered: null, or why it did not take the claim. */
  done: ((reason: string | null) => void)[];
}

const keyOf = ({protocol, vip, port, client, clientPort}: Claim): string =>
  `${protocol} ${vip}:${port} ${client}:${clientPort}`;

export class Claims {
  readonly #parts: ClaimsParts;
  readonly #waiting = new Map<string, Entry>();
  /** Keys of what the message under way carries. */
  #underWay: string[] = [];
  #next: ((most: number) => Connection[]) | null = null;
  readonly #pins = new Map<string, Claim>();
  #flowTable: number | null = null;

  constructor(parts: ClaimsParts) {
    this.#parts = parts;
  }

  /** What goes with the next message. */
  report(): Claim[] {
    this.#readMore();
    this.#underWay = [...this.#waiting.keys()].slice(0, MAX_CLAIMS);
    return this.#underWay.flatMap((key) => this.#waiting.get(key)?.claim ?? []);
  }

  /** The router's answer to it. */
  onOrders(orders: Pick<NodeConfig, 'claimsRefused' | 'confirm' | 'flowTable'>): void {
    const refused = new Map((orders.claimsRefused ?? []).map(({claim, reason}) => [keyOf(claim), reason]));
    for (const key of this.#underWay) {
      const entry = this.#waiting.get(key);
      this.#waiting.delete(key);
      for (const done of entry?.done ?? []) done(refused.get(key) ?? null);
    }
    this.#underWay = [];
    this.#confirm(orders.confirm ?? []);
    if (orders.flowTable !== undefined && orders.flowTable !== this.#flowTable) this.#claimAll();
    this.#flowTable = orders.flowTable ?? this.#flowTable;
    if (this.#waiting.size > 0 || this.#next !== null) void this.#parts.send(0);
  }

  /** Tells the router of a conversation before its first packet. Null, or why it must not begin. */
  async pin(claim: Claim): Promise<Refusal | null> {
    const key = keyOf(claim);
    let answer: {reason: string | null} | null = null;
    this.#add(claim, (reason) => (answer = {reason}));
    await this.#parts.send(PIN_WAIT_MS);
    const told = answer as {reason: string | null} | null;
    if (told === null) this.#waiting.delete(key);
    const reason = told === null ? 'the router does not answer' : told.reason;
    if (reason === null) {
      this.#keepPin(key, claim);
      return null;
    }
    const remote = `${claim.client}:${claim.clientPort}`;
    return refusal(
      EADDRNOTAVAIL,
      `from ${claim.vip}:${claim.port} to ${remote}/${claim.protocol}: ${reason}`,
    );
  }

  #add(claim: Claim, done?: (reason: string | null) => void): void {
    const entry = this.#waiting.get(keyOf(claim)) ?? {claim, done: []};
    if (done !== undefined) entry.done.push(done);
    this.#waiting.set(keyOf(claim), entry);
  }

  #keepPin(key: string, claim: Claim): void {
    if (claim.protocol !== 'udp') return; // the kernel knows connections
    this.#pins.delete(key);
    this.#pins.set(key, claim);
    const [oldest] = this.#pins.keys();
    if (this.#pins.size > MAX_PINS && oldest !== undefined) this.#pins.delete(oldest);
  }

  #confirm(asked: readonly Claim[]): void {
    const claims = asked.filter(({protocol}) => protocol === 'tcp');
    const live = this.#parts.native.liveConnections(
      claims.map(({vip, port, nodePort, client, clientPort}) => ({
        local:
          nodePort === undefined ? {address: vip, port} : {address: this.#parts.address(), port: nodePort},
        remote: {address: client, port: clientPort},
      })),
    );
    claims.filter((_, i) => live[i] === true).forEach((claim) => this.#add(claim));
  }

  #claimAll(): void {
    const {native, address, log} = this.#parts;
    const ends = this.#parts.endpoints().map(({vip, nodePort}) => (nodePort === undefined ? vip : address()));
    this.#next = native.readConnections([...new Set(ends)]);
    for (const claim of this.#pins.values()) this.#add(claim);
    log.info({}, 'the router began with an empty flow table: telling it the connections of this node');
  }

  /** Fills up from what the kernel has yet to tell. */
  #readMore(): void {
    while (this.#next !== null && this.#waiting.size < MAX_CLAIMS) {
      const connections = this.#read(this.#next, MAX_CLAIMS - this.#waiting.size);
      if (connections.length === 0) this.#next = null;
      const byEnd = new Map(this.#parts.endpoints().map((endpoint) => [this.#endOf(endpoint), endpoint]));
      for (const {protocol, local, remote} of connections) {
        const endpoint = byEnd.get(`${protocol} ${local.address}:${local.port}`);
        if (endpoint === undefined) continue;
        const {vip, port, nodePort} = endpoint;
        const physical = nodePort === undefined ? {} : {nodePort};
        this.#add({protocol, vip, port, ...physical, client: remote.address, clientPort: remote.port});
      }
    }
  }

  #read(next: (most: number) => Connection[], most: number): Connection[] {
    try {
      return next(most);
    } catch (error) {
      this.#parts.log.error({}, `cannot read the kernel's connections: ${messageOf(error)}`);
      return [];
    }
  }

  #endOf({protocol, vip, port, nodePort}: NodeEndpoint): string {
    return nodePort === undefined
      ? `${protocol} ${vip}:${port}`
      : `${protocol} ${this.#parts.address()}:${nodePort}`;
  }
}
