// The events of a node's message: what it has changed, compared before and after.

import type {EventLog} from './event-log.ts';
import type {ExclusivePort, NodeConfig} from '../protocol/messages.ts';
import type {NodeRecord} from '../model/records.ts';
import {serviceKey} from '../model/records.ts';
import type {Registry} from '../model/registry.ts';

interface Seen {
  state: NodeRecord['state'] | undefined;
  levels: NodeRecord['levels'];
  address: string;
  refusals: number;
  blocksRefused: NonNullable<NodeConfig['blocksRefused']>;
  exclusive: ExclusivePort[];
  exclusiveRefused: NonNullable<NodeConfig['exclusiveRefused']>;
}

export class NodeEvents {
  readonly #registry: Registry;
  readonly #name: string;
  readonly #before: Seen;
  #now: Seen;

  /** Looks at the node before its message is applied. */
  constructor(registry: Registry, name: string) {
    this.#registry = registry;
    this.#name = name;
    this.#before = this.#look();
    this.#now = this.#before;
  }

  /** Looks again, when the message has been applied. */
  take(): void {
    this.#now = this.#look();
  }

  #look(): Seen {
    const node = this.#registry.node(this.#name);
    const {blocks, exclusive} = this.#registry.ports;
    return {
      state: node?.state,
      levels: {...node?.levels},
      address: node?.address ?? '',
      refusals: blocks.refusals,
      blocksRefused: blocks.refusedOf(this.#name),
      exclusive: exclusive.ofNode(this.#name),
      exclusiveRefused: exclusive.refusedOf(this.#name),
    };
  }

  /** Writes down what is different. */
  write(events: EventLog): void {
    const [before, now, node] = [this.#before, this.#now, this.#name];
    this.#levels(events, before.levels, now.levels);
    if (before.state !== 'up' && now.state === 'up')
      events.add({event: 'node-up', node, detail: now.address});
    if (before.state !== 'left' && now.state === 'left') events.add({event: 'node-left', node});
    if (now.refusals > before.refusals)
      for (const {vip, reason} of now.blocksRefused)
        events.add({event: 'blocks-refused', vip, node, detail: reason});
    for (const port of without(now.exclusive, before.exclusive))
      events.add({event: 'exclusive-granted', ...port, node});
    for (const port of without(before.exclusive, now.exclusive))
      events.add({event: 'exclusive-released', ...port, node});
    const known = new Set(before.exclusiveRefused.map((one) => serviceKey(one.port)));
    for (const {port, reason} of now.exclusiveRefused)
      if (!known.has(serviceKey(port)))
        events.add({event: 'exclusive-refused', ...port, node, detail: reason});
  }

  #levels(events: EventLog, before: NodeRecord['levels'], now: NodeRecord['levels']): void {
    for (const application of new Set([...Object.keys(before), ...Object.keys(now)])) {
      const [old, level] = [before[application] ?? 'none', now[application] ?? 'none'];
      if (old !== level)
        events.add({event: 'level', node: this.#name, application, detail: `${old} → ${level}`});
    }
  }
}

function without(ports: readonly ExclusivePort[], others: readonly ExclusivePort[]): ExclusivePort[] {
  const keys = new Set(others.map(serviceKey));
  return ports.filter((one) => !keys.has(serviceKey(one)));
}
