// Ports of virtual IPs that are a node's own: blocks for the connections that it opens, and exclusive ones. What
// follows from these for each other, for endpoints and for configurations. Pure.

import type {ExclusivePort, NodeEndpoint, NodeState} from '../../protocol/messages.ts';
import {blockRefusal, exclusiveRefusal, isExclusive} from '../admission.ts';
import type {Application} from '../application/application.ts';
import {exclusivePortsOn, portsNamedOn, vipsOf} from '../application/application.ts';
import {ExclusivePorts} from './exclusive-ports.ts';
import {PortBlocks} from './port-blocks.ts';
import type {PortUse} from './port-blocks.ts';
import type {NodeRecord, RegistryCheckpoint, ServiceRecord} from '../records.ts';
import {serviceKey} from '../records.ts';

export interface NodePortsWorld {
  applications(): readonly Application[];
  services(): readonly ServiceRecord[];
  changed(): void;
}

type NodePortsCheckpoint = Pick<RegistryCheckpoint, 'blocks' | 'exclusive'>;

export class NodePorts {
  readonly #world: NodePortsWorld;
  readonly #use: PortUse;
  readonly blocks: PortBlocks;
  readonly exclusive: ExclusivePorts;

  /** `capacity`: of all blocks together, in 64s. */
  constructor(capacity: number, world: NodePortsWorld) {
    this.#world = world;
    this.blocks = new PortBlocks(capacity, () => world.changed());
    this.exclusive = new ExclusivePorts(() => world.changed());
    this.#use = {
      isVip: (address) => vipsOf(world.applications()).includes(address),
      taken: (vip) => {
        const services = world.services().filter((one) => one.vip === vip);
        const served = services.map(({port}) => ({first: port, last: port}));
        return [...served, ...exclusivePortsOn(vip, world.applications())];
      },
      named: (vip) => portsNamedOn(vip, world.applications()),
    };
  }

  /** Without a checkpoint: nodes report what they hold before anything else is leased. */
  begin(now: number): void {
    this.blocks.begin(now);
    this.exclusive.begin(now);
  }

  /**
   * A node that does not know yet has what it had. A bound socket asks for its port as well: it may have
   * become exclusive only now.
   */
  reportExclusive(name: string, state: NodeState, now: number): void {
    const bound = state.endpoints.filter((one) => isExclusive(one, this.#world.applications()));
    const keys = new Set(bound.map(serviceKey));
    const isBound = (one: ExclusivePort) => keys.has(serviceKey(one));
    const more = bound.map(({application, vip, protocol, port}) => ({application, vip, protocol, port}));
    const wanted = [...(state.exclusive ?? this.exclusive.ofNode(name)), ...more];
    this.exclusive.report(name, {wanted, isBound, refusal: this.#exclusiveRefusal}, now);
  }

  reportBlocks(node: NodeRecord, state: NodeState, now: number): void {
    this.blocks.report(node, state, this.#use, now);
  }

  /** Why a node may not have an endpoint, or null: the port is another's, or lies in a block. */
  refusal(endpoint: NodeEndpoint, node: string): string | null {
    const {vip, port, protocol} = endpoint;
    const block = blockRefusal(endpoint, this.blocks.ownerOf(vip, port));
    if (block !== null || !isExclusive(endpoint, this.#world.applications())) return block;
    const owner = this.exclusive.ownerOf(endpoint);
    return owner === node ? null : `port ${port}/${protocol} is exclusive, and ${owner ?? 'nobody'} has it`;
  }

  /** What a node had that is gone. */
  release(name: string, now: number): void {
    this.blocks.release(name, now);
    this.exclusive.release(name);
  }

  /** Is any port this node's own? */
  has(name: string): boolean {
    return this.blocks.ofNode(name).length > 0 || this.exclusive.ofNode(name).length > 0;
  }

  prune(now: number): void {
    this.blocks.prune(now);
  }

  /** After the applications have changed. */
  configure(now: number): void {
    this.blocks.configure(this.#use, now);
    this.exclusive.configure(this.#exclusiveRefusal);
  }

  checkpoint(): NodePortsCheckpoint {
    return {blocks: this.blocks.checkpoint(), exclusive: this.exclusive.all()};
  }

  restore(checkpoint: NodePortsCheckpoint, now: number): void {
    this.blocks.restore(checkpoint.blocks, now);
    this.exclusive.restore(checkpoint.exclusive);
  }

  readonly #exclusiveRefusal = (one: ExclusivePort): string | null =>
    exclusiveRefusal(one, this.#world.applications(), this.blocks.ownerOf(one.vip, one.port));
}
