// How what we put into a host's network tables is marked, by router and agents: so that ours is found again and
// nothing of others is touched.

/** Routing protocol number of our rules and routes. */
export const PROTOCOL = '74';
/** Label of a virtual IP that an agent put on lo. */
export const VIP_LABEL = 'lo:coscanet';
/** Agents: from here to virtual IPs. */
export const VIP_TABLE = 7400;
/** The router: from its own host's address among the nodes into the world. */
export const LOCAL_TABLE = 7401;
