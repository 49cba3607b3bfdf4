// The external side's gateway: the next hop of the host's own default route there. It is where packets leave
// whose next hop no packet has told. The kernel's word is read again whenever a route changes.

import {z} from 'zod';
import {isIpv4} from '../../base/address.ts';
import {Following} from '../../base/following.ts';
import type {FollowingDeps} from '../../base/following.ts';
import {Rereading} from '../../base/rereading.ts';

const hopSchema = z.object({dev: z.string().optional(), gateway: z.string().optional()});
const routesSchema = z.array(
  hopSchema.extend({metric: z.number().default(0), nexthops: z.array(hopSchema).default([])}),
);

/** What `ip -j route show default` says of an interface: the next hop of its best default route, or null. */
export function parseGateway(json: string, name: string): string | null {
  const routes = routesSchema.parse(JSON.parse(json.trim() || '[]'));
  const best = routes.toSorted((a, b) => a.metric - b.metric);
  const hops = best.flatMap((route) => [route, ...route.nexthops]);
  // A next hop of another family ("via inet6 …") has no `gateway`.
  const hop = hops.find((one) => one.dev === name && isIpv4(one.gateway ?? ''));
  return hop?.gateway ?? null;
}

export interface GatewayDeps extends FollowingDeps {
  /** The interface whose default route counts. */
  external: string;
  onChange(): void;
}

export class Gateway {
  readonly #deps: GatewayDeps;
  readonly #following: Following;
  readonly #rereading: Rereading;
  #address: string | null = null;
  #closed = false;

  constructor(deps: GatewayDeps) {
    this.#deps = deps;
    this.#rereading = new Rereading(deps.log, 'the default route', () => this.#take());
    const changed = () => void this.#rereading.now();
    this.#following = new Following(deps, ['ip', '-4', '-o', 'monitor', 'route'], changed, changed);
  }

  /** null: there is no default route. */
  get address(): string | null {
    return this.#address;
  }

  async start(): Promise<void> {
    this.#following.start();
    this.#address = await this.#read();
    this.#say();
  }

  close(): void {
    this.#closed = true;
    this.#rereading.close();
    this.#following.stop();
  }

  async #read(): Promise<string | null> {
    const routes = await this.#deps.exec.run('ip', ['-j', '-4', 'route', 'show', 'default']);
    return parseGateway(routes, this.#deps.external);
  }

  #say(): void {
    const {log, external} = this.#deps;
    if (this.#address !== null) log.info({gateway: this.#address, interface: external}, 'gateway');
    else
      log.warn(
        {interface: external},
        'no default route on the external side: nodes reach only hosts that have sent something first',
      );
  }

  async #take(): Promise<void> {
    const address = await this.#read();
    if (this.#closed || address === this.#address) return;
    this.#address = address;
    this.#say();
    this.#deps.onChange();
  }
}
