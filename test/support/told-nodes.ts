// Nodes of which the router is only told: their addresses are a real host's, and no agent of theirs runs. Their states
// go over the router's own socket and are renewed in time, one node after the other.

import http from 'node:http';
import {z} from 'zod';
import {LEASE_MS, nodeConfigSchema} from '../../router/protocol/messages.ts';
import type {NodeEndpoint} from '../../router/protocol/messages.ts';

export interface ToldNode {
  name: string;
  address: string;
  endpoints: NodeEndpoint[];
}

export class ToldNodes {
  readonly #socketPath: string;
  readonly #nodes = new Map<string, ToldNode>();
  readonly #epoch = Date.now();
  /** What is measured does not queue behind renewals. */
  readonly #connections = {
    renew: new http.Agent({keepAlive: true, maxSockets: 1}),
    tell: new http.Agent({keepAlive: true, maxSockets: 1}),
  };
  #sequence = 0;
  #timer: NodeJS.Timeout | undefined;
  /** What went wrong with a renewal. */
  failure: unknown = null;

  /** `socketPath`: control.sock in the router's run directory. */
  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  /** The node's whole state from now on. Resolves when what follows is in force, with the milliseconds that it took. */
  async tell(node: ToldNode): Promise<number> {
    this.#nodes.set(node.name, node);
    const began = performance.now();
    const refused = await this.#put(node, 'tell');
    if (refused.length > 0) throw new Error(`${node.name}: ${JSON.stringify(refused[0])}`);
    return performance.now() - began;
  }

  /** Renews all leases, those of nodes told of later too, until `close`; `count`: how many nodes there will be. */
  renew(count: number): void {
    let due: ToldNode[] = [];
    this.#timer = setInterval(
      () => {
        if (due.length === 0) due = [...this.#nodes.values()];
        const name = due.pop()?.name ?? '';
        const node = this.#nodes.get(name);
        if (node) this.#put(node, 'renew').catch((error: unknown) => (this.failure ??= error));
      },
      (LEASE_MS * 0.6) / count,
    );
  }

  close(): void {
    clearInterval(this.#timer);
    this.#connections.renew.destroy();
    this.#connections.tell.destroy();
  }

  /** Resolves with what the router refuses. */
  async #put({name, address, endpoints}: ToldNode, how: 'renew' | 'tell'): Promise<object[]> {
    const state = {address, epoch: this.#epoch, sequence: ++this.#sequence, vips: [], endpoints};
    const text = await new Promise<string>((resolve, reject) => {
      const request = http.request({
        socketPath: this.#socketPath,
        agent: this.#connections[how],
        method: 'PUT',
        path: `/v1/nodes/${name}`,
        headers: {host: 'coscanet', 'content-type': 'application/json'},
      });
      request.on('error', reject);
      request.on('response', (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (data: string) => (body += data));
        response.on('error', reject);
        response.on('end', () => (response.statusCode === 200 ? resolve(body) : reject(new Error(body))));
      });
      request.end(JSON.stringify(state));
    });
    return z.object({refused: nodeConfigSchema.shape.refused}).parse(JSON.parse(text)).refused;
  }
}
