// What each counter of the data path means, for people: in `coscanet status`, and beside it in /metrics. The names
// are those of addon/src/abi/counters.h.

/** Frames and what became of them, and what the router sent of its own. */
export const counterTexts: Readonly<Record<string, string>> = {
  rx_frames: 'Frames received.',
  rx_bytes: 'Bytes received, with their Ethernet headers.',
  passed: "Frames left to the host's own stack.",
  other_vlan: "Frames of VLANs that the router does not have, left to the host's own stack.",
  forwarded_frames: 'Frames forwarded.',
  forwarded_bytes: 'Bytes forwarded, with their Ethernet headers.',
  flows_created: 'Flows that were given an endpoint and remembered.',
  flows_rescheduled: 'Flows known before that were given another endpoint.',
  flow_table_full: 'Flows that found no free entry in the flow table; their packets go by hash.',
  hash_choices: 'Packets of unknown flows that went by hash.',
  affinity_flows: 'New flows that went where their client had been before.',
  affinity_table_full: 'Clients that found no free entry in the affinity table.',
  icmp_errors_forwarded: 'ICMP errors forwarded to the flow that they are about.',
  arp_replies: 'ARP requests for virtual IPs answered.',
  echo_replies: 'Pings of virtual IPs answered.',
  tcp_resets: 'TCP segments for ports that nobody serves, reset.',
  port_unreachables: 'Datagrams for ports that nobody serves, answered by ICMP.',
  too_big_errors: 'Packets too big for the next network, answered by ICMP.',
  time_exceeded_errors: 'Packets whose time to live is over, answered by ICMP.',
  prohibited_errors: 'Packets of nodes that are not forwarded, answered by ICMP.',
  block_frames: 'Frames forwarded to the node that has the port in a block.',
  outbound_frames: 'Frames of nodes forwarded to addresses that are no virtual IPs.',
  probe_resets:
    "Resets by the router's own host of what answered the router's health probes; they go no further.",
  tx_coalesced: 'Segments coalesced with the one before them into one frame.',
  tx_waits: 'Times that a forwarder waited to send.',
};

/** Why frames went no further. */
export const dropTexts: Readonly<Record<string, string>> = {
  frame_short: 'no whole Ethernet header',
  source_mac: 'its source address is a group or zero',
  own_frame: "a frame of the router's own, received again",
  vlan_nested: 'more than one VLAN tag',
  arp_malformed: 'not ARP for IPv4 over Ethernet',
  arp_conflict: 'another host uses a virtual IP',
  ip_header: 'no whole IPv4 header',
  ip_length: 'shorter than its IPv4 header says',
  ip_checksum: 'the IPv4 header is damaged',
  ip_source: 'its IPv4 source is no valid host address',
  ip_fragment: 'a fragment',
  ip_ttl: 'its time to live is over',
  link_broadcast: 'sent to all on the link',
  vip_inactive: 'nobody serves the virtual IP',
  protocol_unsupported: 'neither TCP, UDP nor ICMP',
  tcp_header: 'no whole TCP header',
  tcp_flags: 'TCP flags that make no sense together',
  udp_header: 'no whole UDP header, or a wrong length',
  port_zero: 'port 0',
  icmp_header: 'no whole ICMP header',
  icmp_checksum: 'the ICMP message is damaged',
  icmp_type: 'neither an echo request nor an error',
  icmp_unmatched: 'an ICMP error about no flow of ours',
  no_service: 'a reset for a port that nobody serves',
  stray_reset: "a reset by the router's own host about no flow and no probe",
  awaiting_import: 'an unknown connection, before nodes have reported theirs',
  reply_limited: 'an answer was due, but there are too many',
  too_big: 'too big for the next network, and no error may be sent',
  no_next_hop: 'no next hop is known',
  rx_truncated: 'received in part only',
  rx_unpaired: 'ring and queue of the socket do not match',
  tx_full: 'the send queue stayed full',
  tx_error: 'the kernel refused to send it, or the forwarder has no such interface',
};

export const DROP_PREFIX = 'drop_';

/** The text for a counter of `coscanet status`; empty if it is not known. */
export function meaningOf(counter: string): string {
  if (!counter.startsWith(DROP_PREFIX)) return counterTexts[counter] ?? '';
  const why = dropTexts[counter.slice(DROP_PREFIX.length)];
  return why === undefined ? '' : `Dropped: ${why}.`;
}
