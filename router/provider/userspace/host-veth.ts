// The router's own host as client and as node: a veth pair that the router makes, of which the host has one end and
// the forwarders the other. Packets from and to this host reach them by it, for they come in by no other interface.
//
//   host's stack ── coscanet0 192.0.0.7 ════ coscanet1 192.0.0.6 ── forwarders
//
//   route VIP dev coscanet0              what the host's own programs send to virtual IPs
//   rule from 192.0.0.7 → table 7401     NAT: what endpoints of the host answer, by the forwarders too
//
// The addresses (RFC 7335: for a host's own use) are seen by nobody else, but for NAT: there nodes see the host as
// 192.0.0.7, which alone tells what must come back this way. Everything but the rule goes with the pair.

import type {RtnetlinkNative} from '../../../addon/rtnetlink.ts';
import type {Clock, Timer} from '../../base/clock.ts';
import {messageOf, UserError} from '../../base/error.ts';
import type {Exec} from '../../base/exec.ts';
import type {Logger} from '../../base/logger.ts';
import {LOCAL_TABLE, PROTOCOL} from '../../base/marks.ts';
import type {Interface} from '../../model/interface.ts';

/** The host as a node. */
export const HOST_ADDRESS = '192.0.0.7';
const FORWARDERS_ADDRESS = '192.0.0.6';
const PREFIX = 31;
const HOST_END = 'coscanet0';
const FORWARDERS_END = 'coscanet1';
/** Set by us, so that nothing else (udev) thinks it must. */
const MACS = {[HOST_END]: '02:c0:5c:a0:00:00', [FORWARDERS_END]: '02:c0:5c:a0:00:01'};
/** Others take routes and neighbors away, with an interface that they put down and up. */
const MAINTAIN_MS = 30_000;

const MAIN_TABLE = 254;
const RULE = `from ${HOST_ADDRESS} lookup ${LOCAL_TABLE} pref ${LOCAL_TABLE} protocol ${PROTOCOL}`;
/** The ends need no ARP; the provider finds its only node as if an operator had made the entry. */
const NEIGHBORS = [
  `neigh replace ${FORWARDERS_ADDRESS} lladdr ${MACS[FORWARDERS_END]} dev ${HOST_END} nud permanent`,
  `neigh replace ${HOST_ADDRESS} lladdr ${MACS[HOST_END]} dev ${FORWARDERS_END} nud permanent`,
];
interface Route {
  /** "10.77.0.100", "default" */
  destination: string;
  table: number;
  /** null: by the forwarders as the next hop, into the world. */
  source: string | null;
}

function routeText({destination, source, table}: Route): string {
  const hop = source === null ? `via ${FORWARDERS_ADDRESS}` : `src ${source}`;
  return `${destination} ${hop} dev ${HOST_END} table ${table} proto ${PROTOCOL}`;
}

async function change(exec: Exec, lines: readonly string[]): Promise<void> {
  if (lines.length > 0) await exec.run('ip', ['-batch', '-'], `${lines.join('\n')}\n`);
}

/** What the host has of it. */
type Kernel = Pick<RtnetlinkNative, 'getLinks' | 'getRules' | 'getRoutes'>;

/** Is the pair there? `foreign`: the name of an interface that is in its place. */
function look(kernel: Kernel): {isThere: boolean; foreign: string | null} {
  const named = kernel.getLinks().filter(({name}) => name in MACS);
  const macs: Record<string, string> = MACS;
  const foreign = named.find(({name, mac}) => mac !== macs[name]);
  return {isThere: named.length > 0 && !foreign, foreign: foreign?.name ?? null};
}

function isRuled(kernel: Kernel): boolean {
  return kernel.getRules().some(({source, table}) => source === HOST_ADDRESS && table === LOCAL_TABLE);
}

/** Ours by the pair. An agent on this host has others in a table of its own. */
function routesIn(kernel: Kernel): Route[] {
  const routes = [MAIN_TABLE, LOCAL_TABLE].flatMap((table) => kernel.getRoutes(table));
  const ours = routes.filter(
    ({protocol, hops}) => protocol === Number(PROTOCOL) && hops[0]?.interface === HOST_END,
  );
  return ours.map(({destination, prefix, table, source}) => {
    return {destination: prefix === 0 ? 'default' : destination, table, source};
  });
}

/** Removes all of it; no error if it is not there. */
export async function removeHostVeth(kernel: Kernel, exec: Exec): Promise<void> {
  const lines = isRuled(kernel) ? [`rule del ${RULE}`] : [];
  if (look(kernel).isThere) lines.push(`link del ${HOST_END}`);
  await change(exec, lines);
}

/** What forwarders and tables need to know of an interface. */
export type ForwarderInterface = Pick<Interface, 'name' | 'role' | 'mac' | 'mtu' | 'network' | 'vlans'>;

export interface HostVethDeps {
  native: Kernel;
  exec: Exec;
  clock: Clock;
  log: Logger;
  /** The router's other interfaces, external first. */
  interfaces: readonly Interface[];
  /** Endpoints of the host are translated: what they send must come back to the forwarders. */
  routes: boolean;
}

export class HostVeth {
  readonly interface: ForwarderInterface;
  readonly #deps: HostVethDeps;
  /** Under which the host's own programs appear on a virtual IP. */
  readonly #source: string;
  #adopted = false;
  #vips: readonly string[] = [];
  #timer: Timer | null = null;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(deps: HostVethDeps) {
    this.#deps = deps;
    // Where nodes answer clients themselves, they must know the way: one of the host's own addresses.
    this.#source = deps.routes ? HOST_ADDRESS : (deps.interfaces.at(-1)?.network.address ?? HOST_ADDRESS);
    this.interface = {
      name: FORWARDERS_END,
      role: 'host',
      mac: MACS[FORWARDERS_END],
      // Whatever comes in by another interface fits.
      mtu: Math.max(...deps.interfaces.map((one) => one.mtu)),
      network: {address: FORWARDERS_ADDRESS, prefix: PREFIX},
    };
  }

  /** Started: is it the very pair of the router before this one? */
  get adopted(): boolean {
    return this.#adopted;
  }

  /** Makes the pair, or takes over the one that a crashed router left. */
  async start(): Promise<void> {
    const {native, exec, clock, routes} = this.#deps;
    const {mtu} = this.interface;
    const {isThere, foreign} = look(native);
    if (foreign !== null)
      throw new UserError(`interface ${foreign} is there already and not the router's: remove or rename it`);
    const macs = Object.entries(MACS);
    this.#adopted = isThere;
    if (!isThere) {
      const [host, forwarders] = macs.map(([name, mac]) => `${name} address ${mac}`);
      await change(exec, [`link add ${host} type veth peer name ${forwarders}`]);
    }
    await this.#settle();
    const ruled = isRuled(native);
    await change(exec, [
      ...macs.map(([name]) => `link set ${name} mtu ${mtu} multicast off up`),
      // Of scope link: never chosen by the kernel itself, for whatever destination.
      `address replace ${HOST_ADDRESS}/${PREFIX} dev ${HOST_END} scope link`,
      ...NEIGHBORS,
      ...(routes && !ruled ? [`rule add ${RULE}`] : []),
      ...(!routes && ruled ? [`rule del ${RULE}`] : []),
    ]);
    await this.#warnOfFilters();
    this.#timer = clock.every(MAINTAIN_MS, () => void this.#maintain());
  }

  /** The virtual IPs that the host's own programs reach from now on. */
  async setVips(vips: readonly string[]): Promise<void> {
    this.#vips = vips;
    await this.#serially(() => this.#route());
  }

  async close(): Promise<void> {
    this.#timer?.cancel();
    await this.#serially(() => removeHostVeth(this.#deps.native, this.#deps.exec));
  }

  /** What comes in by the pair may be from anybody, this host included. No IPv6, whose own packets would only stir. */
  async #settle(): Promise<void> {
    const host = `net/ipv4/conf/${HOST_END}`;
    const quiet = Object.keys(MACS).map((name) => `net/ipv6/conf/${name}/disable_ipv6=1`);
    const settings = [`${host}/rp_filter=2`, `${host}/accept_local=1`, ...quiet];
    // -e: a kernel without IPv6 has no such settings.
    await this.#deps.exec.run('sysctl', ['-e', '-q', '-w', ...settings]);
  }

  /** The answers of nodes come from a virtual IP by another way than packets go there. */
  async #warnOfFilters(): Promise<void> {
    const {exec, log, interfaces, routes} = this.#deps;
    if (routes) return;
    const names = ['all', ...interfaces.map((one) => one.name)];
    const keys = names.map((name) => `net/ipv4/conf/${name}/rp_filter`);
    const [all = 0, ...values] = (await exec.run('sysctl', ['-n', ...keys])).split('\n').map(Number);
    for (const [index, {name}] of interfaces.entries())
      if (Math.max(all, values[index] ?? 0) === 1)
        log.warn(
          {interface: name},
          `the router's host cannot reach virtual IPs on other nodes: the kernel drops their answers on ${name} ` +
            `(sysctl -w net/ipv4/conf/${name}/rp_filter=2 is the cure)`,
        );
  }

  #wanted(): Route[] {
    // On the link: who asks for a virtual IP that is not active is told so, as outside.
    const to = (table: number) => this.#vips.map((vip) => ({destination: vip, table, source: this.#source}));
    if (!this.#deps.routes) return to(MAIN_TABLE);
    const intoTheWorld = {destination: 'default', table: LOCAL_TABLE, source: null};
    return [...to(MAIN_TABLE), ...to(LOCAL_TABLE), intoTheWorld];
  }

  async #route(): Promise<void> {
    const {native, exec} = this.#deps;
    const known = routesIn(native);
    const wanted = this.#wanted();
    const same = (one: Route) => (other: Route) =>
      one.destination === other.destination && one.table === other.table;
    await change(exec, [
      ...NEIGHBORS,
      ...known.filter((one) => !wanted.some(same(one))).map((one) => `route del ${routeText(one)}`),
      ...wanted
        .filter((one) => known.find(same(one))?.source !== one.source)
        .map((one) => `route replace ${routeText(one)}`),
    ]);
  }

  async #maintain(): Promise<void> {
    try {
      await this.#serially(() => this.#route());
    } catch (error) {
      this.#deps.log.error({error: messageOf(error)}, "cannot keep the way of the router's own host");
    }
  }

  #serially(action: () => Promise<void>): Promise<void> {
    const result = this.#queue.then(action);
    this.#queue = result.catch(() => {});
    return result;
  }
}
