// What operators see of the ports that are leased to nodes.

import type {BlocksView, StatusView} from '../protocol/views.ts';
import {vipsOf} from '../model/application/application.ts';
import {QUARANTINE_MS} from '../model/ports/port-blocks.ts';
import type {Registry} from '../model/registry.ts';

type OfVip = BlocksView['vips'][number];

/** Every VIP that is configured or of which a block is leased. */
function blocksByVip(registry: Registry): OfVip[] {
  const {blocks} = registry.ports;
  const leases = blocks.all();
  const vips = new Set([...vipsOf(registry.applications), ...leases.map((lease) => lease.vip)]);
  return [...vips].map((vip) => {
    const mine = leases.filter((lease) => lease.vip === vip);
    const leased = mine.filter((lease) => lease.freedAt === null).length;
    const refused = registry
      .nodes()
      .flatMap(({name}) =>
        blocks.refusedOf(name).flatMap((one) => (one.vip === vip ? [{node: name, reason: one.reason}] : [])),
      );
    return {vip, leased, quarantined: mine.length - leased, free: blocks.freeOf(vip), refused};
  });
}

/** `now`: Clock.now. */
export function blocksView(registry: Registry, now: number): BlocksView {
  const blocks = registry.ports.blocks.all().map(({vip, first, last, node, freedAt}) => {
    const left = freedAt === null ? 0 : Math.max(0, freedAt + QUARANTINE_MS - now);
    const state = freedAt === null ? ('leased' as const) : ('quarantine' as const);
    return {vip, first, last, node, state, quarantineSeconds: Math.ceil(left / 1000)};
  });
  const sorted = blocks.toSorted((a, b) => a.vip.localeCompare(b.vip) || a.first - b.first);
  return {blocks: sorted, vips: blocksByVip(registry)};
}

export function blockCounts(registry: Registry): StatusView['blocks'] {
  const vips = blocksByVip(registry);
  const sum = (of: (vip: OfVip) => number) => vips.reduce((total, vip) => total + of(vip), 0);
  return {
    leased: sum((vip) => vip.leased),
    quarantined: sum((vip) => vip.quarantined),
    free: sum((vip) => vip.free),
    refused: registry.ports.blocks.refusals,
  };
}
