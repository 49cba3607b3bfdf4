// What a router does with a node's requests, as far as the agent can see it: leases blocks of ports, accepts flow
// reports, grants exclusive ports.

import type {FlowReport, NodeConfig, NodeState, PortBlock} from '../../router/protocol/messages.ts';

export interface Part {
  /** PortBlocks of `size` from `first` on, at most `most` for each VIP. */
  blocks?: {first: number; size: number; most: number};
  /** Remote ports to which no flow is taken. */
  refuse?: number[];
  /** Exclusive ports that another node has, and those that are never decided about. */
  taken?: number[];
  undecided?: number[];
  /** Asked once. */
  confirm?: FlowReport[];
}

export class Play {
  readonly #part: Part;
  readonly #leases = new Map<string, PortBlock[]>();
  #next: number;

  constructor(part: Part) {
    this.#part = part;
    this.#next = part.blocks?.first ?? 0;
  }

  /** The configuration that answers this state. */
  answer(state: NodeState, config: NodeConfig): NodeConfig {
    const refused = (state.outbound ?? []).flatMap((request) => this.#serve(request));
    if (state.outbound !== undefined) {
      const vips = new Set(state.outbound.map(({vip}) => vip));
      for (const vip of this.#leases.keys()) if (!vips.has(vip)) this.#leases.delete(vip);
    }
    const confirm = this.#part.confirm?.splice(0) ?? [];
    const blocks = [...this.#leases.values()].flat();
    return {...config, blocks, blocksRefused: refused, confirm, ...this.#grant(state)};
  }

  #grant({flows = [], exclusive = []}: NodeState): Partial<NodeConfig> {
    const {refuse = [], taken = [], undecided = []} = this.#part;
    const held = flows.filter(({clientPort}) => refuse.includes(clientPort));
    return {
      flowsRefused: held.map((flow) => ({flow, reason: 'another endpoint has the connection'})),
      exclusive: exclusive.filter(({port}) => ![...taken, ...undecided].includes(port)),
      exclusiveRefused: exclusive
        .filter(({port}) => taken.includes(port))
        .map((port) => ({
          port,
          reason: `${port.vip}:${port.port}/${port.protocol} is exclusive, and node9 has it`,
        })),
    };
  }

  #serve({vip, wanted, held}: NonNullable<NodeState['outbound']>[number]) {
    const {most = 0, size = 0} = this.#part.blocks ?? {};
    const leases = [...held];
    for (const lease of this.#leases.get(vip) ?? []) {
      if (leases.length < wanted && !leases.some(({first}) => first === lease.first)) leases.push(lease);
    }
    while (leases.length < Math.min(wanted, most)) {
      leases.push({vip, first: this.#next, last: this.#next + size - 1});
      this.#next += size;
    }
    this.#leases.set(vip, leases);
    return leases.length < wanted ? [{vip, reason: `the play has ${most} for each`}] : [];
  }
}
