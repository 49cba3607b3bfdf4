// Every counter of the data path, by name. A forwarder writes only its own set; readers add them up.
#ifndef COSCANET_ABI_COUNTERS_H
#define COSCANET_ABI_COUNTERS_H

// What happened to frames, and what we sent of our own.
#define COSCANET_COUNTERS(X) \
  X(rx_frames)               \
  X(rx_bytes)                \
  X(passed)                  \
  X(other_vlan)              \
  X(forwarded_frames)        \
  X(forwarded_bytes)         \
  X(flows_created)           \
  X(flows_rescheduled)       \
  X(flow_table_full)         \
  X(hash_choices)            \
  X(affinity_flows)          \
  X(affinity_table_full)     \
  X(icmp_errors_forwarded)   \
  X(arp_replies)             \
  X(echo_replies)            \
  X(tcp_resets)              \
  X(port_unreachables)       \
  X(too_big_errors)          \
  X(time_exceeded_errors)    \
  X(prohibited_errors)       \
  X(block_frames)            \
  X(outbound_frames)         \
  X(probe_resets)            \
  X(tx_waits)                \
  X(tx_coalesced)

// Why a frame went no further. The first group is the core's, the second the device's.
#define COSCANET_DROPS(X) \
  X(frame_short)          \
  X(source_mac)           \
  X(own_frame)            \
  X(vlan_nested)          \
  X(arp_malformed)        \
  X(arp_conflict)         \
  X(ip_header)            \
  X(ip_length)            \
  X(ip_checksum)          \
  X(ip_source)            \
  X(ip_fragment)          \
  X(ip_ttl)               \
  X(link_broadcast)       \
  X(vip_inactive)         \
  X(protocol_unsupported) \
  X(tcp_header)           \
  X(tcp_flags)            \
  X(udp_header)           \
  X(port_zero)            \
  X(icmp_header)          \
  X(icmp_checksum)        \
  X(icmp_type)            \
  X(icmp_unmatched)       \
  X(no_service)           \
  X(awaiting_import)      \
  X(stray_reset)          \
  X(reply_limited)        \
  X(too_big)              \
  X(no_next_hop)          \
  X(rx_truncated)         \
  X(rx_unpaired)          \
  X(tx_full)              \
  X(tx_error)

enum coscanet_counter {
#define X(name) COSCANET_COUNTER_##name,
  COSCANET_COUNTERS(X)
#undef X
#define X(name) COSCANET_DROP_##name,
      COSCANET_DROPS(X)
#undef X
          COSCANET_COUNTER_COUNT
};

#endif
