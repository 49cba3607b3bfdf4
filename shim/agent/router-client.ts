// The node's side of the control protocol: PUTs the whole state at once when it has changed and again before the
// lease ends. Changes during a request are sent together, by the next one.

import http from 'node:http';
import type {Clock, Timer} from '../../router/base/clock.ts';
import {messageOf} from '../../router/base/error.ts';
import {RENEW_MS, nodeConfigSchema} from '../../router/protocol/messages.ts';
import type {NodeConfig, NodeState} from '../../router/protocol/messages.ts';

const TIMEOUT_MS = 1000;
const FIRST_RETRY_MS = 50;
/** A router that starts again is found soon: the time without it is short by design. */
const LONGEST_RETRY_MS = 250;

/** How long a program waits until it is registered; and when the router did not answer the last time. */
const REGISTER_WAIT_MS = 1000;
const UNANSWERED_WAIT_MS = 40;

export interface RouterAddress {
  address: string;
  port: number;
}

/** The router answered, and not with a configuration. */
export class RouterRefusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = 'RouterRefusal';
    this.status = status;
  }
}

/** One line for people. */
export function describeFailure(error: unknown, router: RouterAddress, secretFile: string): string {
  const where = `router ${router.address}:${router.port}`;
  if (error instanceof RouterRefusal && error.status === 401)
    return `${where} refused the secret in ${secretFile}`;
  return `${where}: ${messageOf(error)}`;
}

export type ReportedState = Omit<NodeState, 'epoch' | 'sequence'>;

export interface RouterClientOptions {
  router: RouterAddress;
  node: string;
  epoch: number;
  /** Read for each request, so that a renewed secret counts at once. */
  secret: () => string;
  state(): ReportedState;
  onConfig(config: NodeConfig): void;
  onFailure(error: unknown): void;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function refusalText(text: string): string {
  const body = parseJson(text);
  const told = typeof body === 'object' && body !== null && 'error' in body ? String(body.error) : text;
  return told.slice(0, 300);
}

interface Waiter {
  resolve(): void;
  /** The request that covers what the waiter waits for must have this number or a later one. */
  sequence: number;
}

export class RouterClient {
  readonly #options: RouterClientOptions;
  readonly #clock: Clock;
  readonly #connections = new http.Agent({keepAlive: true, maxSockets: 1});
  #waiters: Waiter[] = [];
  #sequence = 0;
  #renewMs = RENEW_MS;
  #retryMs = FIRST_RETRY_MS;
  #busy = false;
  #dirty = false;
  #timer: Timer | null = null;
  #stopped = false;
  /** The router's last answer: most of the time the next one is the same, and need not be read again. */
  #answer: {text: string; config: NodeConfig} | null = null;

  constructor(options: RouterClientOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  /** Sends the state as soon as possible: now, or when the request under way has its answer. */
  send(): void {
    this.#dirty = true;
    if (!this.#busy) void this.#round();
  }

  /** Resolves with true when the router has taken all that was to be sent, with false after `waitMs`. */
  settled(waitMs: number): Promise<boolean> {
    if (!this.#busy && !this.#dirty) return Promise.resolve(true);
    return new Promise((resolve) => {
      const waiter: Waiter = {
        // A request under way may carry the state of before the change.
        sequence: this.#sequence + (this.#dirty ? 1 : 0),
        resolve: () => {
          timer.cancel();
          resolve(true);
        },
      };
      const timer = this.#clock.after(waitMs, () => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
        resolve(false);
      });
      this.#waiters.push(waiter);
    });
  }

  /** Resolves when the router knows what a program has just bound, for which the program waits. */
  registered(): Promise<boolean> {
    const answered = this.#retryMs === FIRST_RETRY_MS;
    return this.settled(answered ? REGISTER_WAIT_MS : UNANSWERED_WAIT_MS);
  }

  /** Ends the renewals. With `leaving`, the router is told first that this node's endpoints go (one try). */
  async stop(leaving: boolean): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    try {
      if (leaving) await this.#put({...this.#options.state(), endpoints: [], leaving: true});
    } finally {
      this.#connections.destroy();
    }
  }

  async #round(): Promise<void> {
    this.#busy = true;
    this.#timer?.cancel();
    this.#dirty = false;
    let pauseMs: number;
    try {
      const config = await this.#put(this.#options.state());
      this.#renewMs = config.renewMs;
      this.#retryMs = FIRST_RETRY_MS;
      const sent = this.#sequence;
      if (!this.#stopped) this.#options.onConfig(config);
      const done = this.#waiters.filter((waiter) => waiter.sequence <= sent);
      this.#waiters = this.#waiters.filter((waiter) => waiter.sequence > sent);
      for (const waiter of done) waiter.resolve();
      pauseMs = this.#dirty ? 0 : this.#renewMs;
    } catch (error) {
      this.#dirty = true;
      if (!this.#stopped) this.#options.onFailure(error);
      pauseMs = this.#retryMs;
      this.#retryMs = Math.min(this.#retryMs * 2, LONGEST_RETRY_MS);
    }
    this.#busy = false;
    if (this.#stopped) return;
    // Not by a timer: the shortest is a millisecond.
    if (pauseMs === 0) void this.#round();
    else this.#timer = this.#clock.after(pauseMs, () => void this.#round());
  }

  async #put(state: ReportedState): Promise<NodeConfig> {
    this.#sequence += 1;
    const message: NodeState = {...state, epoch: this.#options.epoch, sequence: this.#sequence};
    const {status, text} = await this.#request(JSON.stringify(message));
    if (status !== 200) throw new RouterRefusal(status, refusalText(text));
    if (text === this.#answer?.text) return this.#answer.config;
    const config = nodeConfigSchema.safeParse(parseJson(text));
    if (config.success) return (this.#answer = {text, config: config.data}).config;
    const problems = config.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new Error(`the answer does not fit this version of the agent: ${problems.join('; ')}`);
  }

  #request(body: string): Promise<{status: number; text: string}> {
    const {router, node, secret} = this.#options;
    return new Promise((resolve, reject) => {
      const request = http.request({
        agent: this.#connections,
        host: router.address,
        port: router.port,
        method: 'PUT',
        path: `/v1/nodes/${node}`,
        headers: {
          authorization: `Bearer ${secret()}`,
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
        },
      });
      // Not AbortSignal.timeout, which takes longer to make than the whole request.
      const patience = this.#clock.after(TIMEOUT_MS, () => {
        reject(new Error(`no answer within ${TIMEOUT_MS} ms`));
        request.destroy();
      });
      request.on('close', () => patience.cancel());
      request.on('error', reject);
      request.on('response', (response) => {
        let text = '';
        response.on('data', (data: Buffer) => (text += data.toString()));
        response.on('error', reject);
        response.on('end', () => resolve({status: response.statusCode ?? 0, text}));
      });
      request.end(body);
    });
  }
}
