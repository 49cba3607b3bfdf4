// Virtual IPs on this node's loopback interface: a /32 on lo that is never announced, and a route to the router for
// packets that this node itself sends to it (else they would never leave lo).
//
//   rule  4: from 127.0.0.0/8 → table local (checks of health reach the node's own sockets)
//   rule  5: from lo to VIP → table 7400      rule 10: table local (moved from 0)
//   table 7400: VIP via ROUTER dev IF src ADDRESS

import {z} from 'zod';
import type {Clock} from '../../../router/base/clock.ts';
import {messageOf} from '../../../router/base/error.ts';
import type {Exec} from '../../../router/base/exec.ts';
import type {Logger} from '../../../router/base/logger.ts';
import {PROTOCOL, VIP_LABEL, VIP_TABLE} from '../../../router/base/marks.ts';
import {LOCAL_PREFERENCE, LOOPBACK_PREFERENCE, VIP_PREFERENCE, readHost} from './host-view.ts';
import type {HostView} from './host-view.ts';
import type {StateFile} from './state-file.ts';
import {applySysctls, restoreSysctls} from './sysctls.ts';

const routeSchema = z.array(z.object({dev: z.string(), gateway: z.string().optional()})).min(1);

const vipRule = (vip: string) =>
  ['iif', 'lo', 'to', vip, 'lookup', VIP_TABLE, 'pref', VIP_PREFERENCE, 'protocol', PROTOCOL].join(' ');
const loopbackRule = `from 127.0.0.0/8 lookup local pref ${LOOPBACK_PREFERENCE} protocol ${PROTOCOL}`;
const movedRule = ['lookup', 'local', 'pref', LOCAL_PREFERENCE, 'protocol', PROTOCOL].join(' ');

export class LoopbackVips {
  readonly #exec: Exec;
  readonly #clock: Clock;
  readonly #state: StateFile;
  readonly #log: Logger;
  /** VIP → when it was last needed. */
  readonly #carried = new Map<string, number>();
  #router = '';
  /** Under which this node's own programs appear on a VIP. */
  #source = '';
  #generation = 0;
  /** Nothing on the host was changed since it was restored. */
  #untouched = false;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(exec: Exec, clock: Clock, state: StateFile, log: Logger) {
    this.#exec = exec;
    this.#clock = clock;
    this.#state = state;
    this.#log = log;
  }

  /** VIPs that this node carries. */
  carried(): string[] {
    return [...this.#carried.keys()].toSorted();
  }

  /** Takes over what an earlier agent left on lo. */
  adopt(): Promise<void> {
    return this.#serially(async () => {
      for (const vip of (await readHost(this.#exec)).ours) this.#carried.set(vip, this.#clock.now());
    });
  }

  /**
   * The router's address on our network: next hop for packets to VIPs. `source`: our own there. A router that began
   * anew on this very host has made the network anew.
   */
  setRouter({address, generation}: {address: string; generation: number}, source: string): void {
    const known = [this.#router, this.#source, this.#generation].join();
    this.#router = address;
    this.#source = source;
    this.#generation = generation;
    if (this.#carried.size > 0 && known !== [address, source, generation].join()) void this.maintain();
  }

  /** Puts a VIP on lo unless it is there. Rejects with a reason for people; then nothing of it is left. */
  async ensure(vip: string): Promise<void> {
    if (this.#carried.has(vip)) {
      this.#carried.set(vip, this.#clock.now());
      return;
    }
    await this.#serially(async () => {
      const view = await readHost(this.#exec);
      const owner = view.foreign.get(vip);
      if (owner !== undefined && owner !== 'lo') {
        throw new Error(`${vip} is an address of this node's interface ${owner}`);
      }
      await this.#apply(view, vip);
      this.#carried.set(vip, this.#clock.now());
      this.#log.info({vip}, `${vip} is on lo`);
    });
  }

  /** Restores what others removed (an interface that went down takes its routes with it). */
  maintain(): Promise<void> {
    return this.#serially(async () => {
      const view = await readHost(this.#exec);
      for (const vip of this.#carried.keys()) await this.#apply(view, vip);
    }).catch((error: unknown) => this.#log.error({}, `virtual IPs: ${messageOf(error)}`));
  }

  /** Removes each VIP that was not needed since `since` and for which `isInUse` is false. */
  releaseUnused(since: number, isInUse: (vip: string) => boolean): Promise<void> {
    return this.#serially(async () => {
      for (const [vip, asked] of this.#carried) {
        if (asked > since || isInUse(vip)) continue;
        // From here on a bind waits for its turn and puts it back.
        this.#carried.delete(vip);
        await this.#remove(await readHost(this.#exec), vip);
        this.#log.info({vip}, `${vip} is no longer on lo`);
      }
    }).catch((error: unknown) => this.#log.error({}, `virtual IPs: ${messageOf(error)}`));
  }

  /** Restores the host, unless a virtual IP is still in use. */
  async leaveHost(): Promise<void> {
    if (this.#untouched || this.#carried.size > 0) return;
    await this.removeAll().catch((error: unknown) => this.#log.error({}, `virtual IPs: ${messageOf(error)}`));
  }

  /** Leaves the host as it was before the agent came. */
  removeAll(): Promise<void> {
    return this.#serially(async () => {
      const view = await readHost(this.#exec);
      for (const vip of new Set([...view.ours, ...view.ruled, ...view.routed.keys()])) {
        await this.#remove(view, vip);
      }
      this.#carried.clear();
      if (view.loopbackLocal) await this.#ip(`rule del ${loopbackRule}`);
      if (view.localMoved) {
        if (!view.localFirst) await this.#ip('rule add lookup local pref 0 protocol kernel');
        await this.#ip(`rule del ${movedRule}`);
      }
      restoreSysctls(this.#state);
      if (Object.keys(this.#state.sysctls).length > 0) this.#state.setSysctls({});
      this.#untouched = true;
    });
  }

  async #apply(view: HostView, vip: string): Promise<void> {
    const device = await this.#deviceToRouter();
    this.#untouched = false;
    const changed = applySysctls(device, this.#state);
    if (changed.length > 0) this.#log.info({sysctls: changed}, 'kernel settings changed');
    if (!view.localMoved) await this.#ip(`rule add ${movedRule}`);
    if (view.localFirst) await this.#ip('rule del lookup local pref 0');
    if (!view.loopbackLocal) await this.#ip(`rule add ${loopbackRule}`);
    view.localMoved = true;
    view.localFirst = false;
    view.loopbackLocal = true;
    const nextHop = `via ${this.#router} dev ${device} src ${this.#source}`;
    if (view.routed.get(vip) !== nextHop) {
      await this.#ip(`route replace ${vip} ${nextHop} table ${VIP_TABLE} proto ${PROTOCOL}`);
    }
    if (!view.ruled.has(vip)) await this.#ip(`rule add ${vipRule(vip)}`);
    if (view.ours.has(vip) || view.foreign.get(vip) === 'lo') return;
    // scope host: never chosen as the source of the node's own connections.
    await this.#ip(`address add ${vip}/32 dev lo scope host label ${VIP_LABEL}`);
  }

  async #remove(view: HostView, vip: string): Promise<void> {
    if (view.ours.has(vip)) await this.#ip(`address del ${vip}/32 dev lo`);
    if (view.ruled.has(vip)) await this.#ip(`rule del ${vipRule(vip)}`);
    if (view.routed.has(vip)) await this.#ip(`route del ${vip} table ${VIP_TABLE}`);
  }

  async #deviceToRouter(): Promise<string> {
    if (this.#router === '') throw new Error('the router has not told its address yet');
    const [route] = routeSchema.parse(
      JSON.parse(await this.#exec.run('ip', ['-4', '-json', 'route', 'get', this.#router])),
    );
    if (route === undefined || route.gateway !== undefined || route.dev === 'lo') {
      throw new Error(`the router's address ${this.#router} is not on a network of this node`);
    }
    return route.dev;
  }

  #ip(command: string): Promise<string> {
    return this.#exec.run('ip', ['-4', ...command.split(' ')]);
  }

  #serially<T>(action: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(action);
    this.#queue = result.catch(() => {});
    return result;
  }
}
