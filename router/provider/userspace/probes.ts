// Probes endpoints on the way that their flows take: a SYN to the node's MAC and the address and port that packets
// of flows carry, answered to the router's own address. With direct server return nodes answer their clients by
// themselves, so they answer the router as a client, on the external interface: a node that is cut off there is of no use.
// The router's own host answers where it is asked.

import type {RouterNative} from '../../../addon/router.ts';
import type {ProbeResult} from '../../model/liveness.ts';
import type {NeighborState, ProbeTarget} from '../provider.ts';
import type {ForwarderInterface} from './host-veth.ts';

/** As many as the addon takes at once. */
const MAX_TARGETS = 4096;
const EXTERNAL = 0;

export interface ProbesDeps {
  native: Pick<RouterNative, 'tcpProbe'>;
  /** External first, the router's own host last. */
  interfaces: readonly ForwarderInterface[];
  /** What nodes send to the world passes the router (NAT). */
  routes: boolean;
  wayTo(address: string): NeighborState & {egress: number};
  /** Can this interface not do its work? */
  inTrouble(name: string): boolean;
  /** The kernel did not take a probe. */
  onError(error: unknown): void;
}

interface Planned {
  index: number;
  mac: string;
  target: ProbeTarget;
}

/** One result for each target. */
export async function probeEndpoints(
  deps: ProbesDeps,
  targets: readonly ProbeTarget[],
  timeoutMs: number,
): Promise<ProbeResult[]> {
  const results = targets.map((): ProbeResult => 'silent');
  const byEgress = new Map<number, Planned[]>();
  for (const [index, target] of targets.entries()) {
    const {mac, reachable, egress} = deps.wayTo(target.address);
    const used = interfacesFor(deps, egress);
    if (used.some(({name}) => deps.inTrouble(name))) results[index] = 'unsent';
    if (mac === null || results[index] === 'unsent') continue;
    if (!answersSyn(target)) {
      results[index] = reachable ? 'open' : 'silent';
      continue;
    }
    const planned = byEgress.get(egress) ?? [];
    planned.push({index, mac, target});
    byEgress.set(egress, planned);
  }
  const batches = [...byEgress].flatMap(([egress, planned]) =>
    inBatches(planned).map((batch) => ({egress, batch})),
  );
  await Promise.all(
    batches.map(async ({egress, batch}) => {
      try {
        const found = await probeBy(deps, egress, batch, timeoutMs);
        for (const [place, {index}] of batch.entries()) results[index] = found[place] ?? 'silent';
      } catch (error) {
        for (const {index} of batch) results[index] = 'unsent';
        deps.onError(error);
      }
    }),
  );
  return results;
}

function inBatches(planned: readonly Planned[]): (readonly Planned[])[] {
  const count = Math.ceil(planned.length / MAX_TARGETS);
  return Array.from({length: count}, (_, at) => planned.slice(at * MAX_TARGETS, (at + 1) * MAX_TARGETS));
}

/** Who takes no connections can only be judged by its node. */
export function answersSyn({protocol, instances}: Pick<ProbeTarget, 'protocol' | 'instances'>): boolean {
  return protocol === 'tcp' && instances > 0;
}

/** By which a probe leaves, and by which its answer comes. */
function interfacesFor({interfaces, routes}: ProbesDeps, egress: number): readonly ForwarderInterface[] {
  const out = interfaces[egress];
  const back = routes || out === interfaces.at(-1) ? out : interfaces[EXTERNAL];
  return out && back ? [out, back] : [];
}

async function probeBy(
  deps: ProbesDeps,
  egress: number,
  planned: readonly Planned[],
  timeoutMs: number,
): Promise<ProbeResult[]> {
  const [out, back] = interfacesFor(deps, egress);
  if (!out || !back) return [];
  return await deps.native.tcpProbe({
    out: out.name,
    in: back.name,
    source: back.network.address,
    timeoutMs,
    targets: planned.map(({mac, target}) => ({mac, ...placeOf(target)})),
  });
}

/** The address and port that a packet to the endpoint carries. */
function placeOf({vip, port, address, nodePort}: ProbeTarget): {address: string; port: number} {
  return nodePort === undefined ? {address: vip, port} : {address, port: nodePort};
}
