#pragma once
// Every counter of the data path, by name. A forwarder writes only its own set, in its own cache lines;
// readers add them up.
#include <atomic>
#include <cstdint>

namespace coscanet {

// What happened to frames, and what we sent of our own.
#define COSCANET_COUNTERS(X) \
  X(rx_frames)               \
  X(rx_bytes)                \
  X(passed)                  \
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

enum class Counter : uint8_t {
#define X(name) k_##name,
  COSCANET_COUNTERS(X)
#undef X
#define X(name) k_drop_##name,
      COSCANET_DROPS(X)
#undef X
          kCount
};
constexpr unsigned kCounters = static_cast<unsigned>(Counter::kCount);

/// The name under which a counter is shown: the enumerator without its k_.
const char* counter_name(Counter counter);

class Counters {
 public:
  /// One writer: a load and a store, no locked instruction.
  void add(Counter counter, uint64_t n = 1) {
    auto& value = values_[static_cast<unsigned>(counter)];
    value.store(value.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  uint64_t get(Counter counter) const {
    return values_[static_cast<unsigned>(counter)].load(std::memory_order_relaxed);
  }

 private:
  std::atomic<uint64_t> values_[kCounters];
};

}  // namespace coscanet
