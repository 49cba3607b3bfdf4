#pragma once
// A segment with a policy in force: one VIP with 16 endpoints, and a flow table of a given size.
#include <memory>

#include "core/policy_writer.h"
#include "core/segment.h"
#include "traffic.h"

namespace coscanet::bench {

enum class Mode : uint8_t { dsr, nat };
enum class Pages : uint8_t {
  small,  // 4 KiB, shared memory: as the product has it
  huge,   // 2 MiB, by madvise
};

struct Kind {
  Mode mode;
  Pages pages;
  uint32_t table_entries;
  bool affinity;  // each client stays with its endpoint
  bool operator==(const Kind& o) const {
    return mode == o.mode && pages == o.pages && table_entries == o.table_entries && affinity == o.affinity;
  }
};

class World {
 public:
  /// Ends the process when the memory is not to be had.
  explicit World(const Kind& kind);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  const Segment& segment() const { return *segment_; }
  /// Forgets all flows.
  void reset();
  /// Flows 0 … `flows` − 1, all established.
  void establish(uint64_t flows);

  uint64_t count(Counter counter) const;
  /// The flow table as so many cache lines.
  const uint8_t* table() const { return memory_ + bytes_ - table_bytes_; }
  uint64_t table_lines() const { return table_bytes_ / 64; }

 private:
  void publish();

  Kind kind_;
  Limits limits_;
  uint64_t bytes_;
  uint64_t table_bytes_;
  uint8_t* memory_ = nullptr;
  std::unique_ptr<Segment> segment_;
};

Mac router_mac(unsigned interface);
Mac client_mac();
Mac node_mac(unsigned node);
/// 10.77.0.100, 10.88.0.11 …: `last` is the last byte.
Address vip();
Address node_address(unsigned node);
constexpr uint16_t kVipPort = 80;
constexpr uint16_t kNodePort = 8080;

[[noreturn]] void fail(const char* what);

}  // namespace coscanet::bench
