#pragma once
// The counters of a forwarder.
#include <cstdint>

#include "abi/counters.h"
#include "abi/shared_word.h"

namespace coscanet {

enum class Counter : uint8_t {
#define X(name) k_##name,
  COSCANET_COUNTERS(X)
#undef X
#define X(name) k_drop_##name,
      COSCANET_DROPS(X)
#undef X
          kCount
};
constexpr unsigned kCounters = COSCANET_COUNTER_COUNT;
static_assert(static_cast<unsigned>(Counter::kCount) == kCounters, "one enumeration");

/// The name under which a counter is shown: the enumerator without its k_.
const char* counter_name(Counter counter);

/// One forwarder's set, in the segment.
class Counters {
 public:
  explicit Counters(coscanet_u64* values) : values_(values) {}

  /// One writer: a load and a store, no locked instruction.
  void add(Counter counter, uint64_t n = 1) {
    coscanet_u64& value = values_[static_cast<unsigned>(counter)];
    value.store(value.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  uint64_t get(Counter counter) const {
    return values_[static_cast<unsigned>(counter)].load(std::memory_order_relaxed);
  }

 private:
  coscanet_u64* values_;
};

}  // namespace coscanet
