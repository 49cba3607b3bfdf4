// What the user-space provider knows of flows: the table in the segment, which forwarders write.

import type {Segment} from '../../../../addon/router.ts';
import type {FlowCapability} from '../../provider.ts';

/** Places of the table that one call of `Segment.expiring` looks at. */
const PLACES_PER_CALL = 65_536;

export function flowsOf(segment: Segment): FlowCapability {
  return {
    capacity: segment.limits.flows,
    expiringParts: Math.ceil(segment.limits.flows / PLACES_PER_CALL),
    list: () => segment.flows(),
    import: (flows) => segment.importFlows(flows),
    expiring: (seconds, limit) => segment.expiring(seconds, limit),
    silent: (seconds, limit, slots) => segment.silent(seconds, limit, slots),
    end: (flows) => segment.endFlows(flows),
    countByEndpoint: (quietSeconds) => segment.flowsPerEndpoint(quietSeconds),
    newByService: () => segment.newFlows(),
  };
}
