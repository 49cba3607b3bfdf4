#pragma once
// How a forwarder is woken. A packet interrupts what the core is at, as the kernel does for any process that
// slept: whoever sends one request at a time does not wait for another's time slice (SCHED_OTHER). Where many
// packets come this costs more than it gives: then it runs when the core is free, more of them wait by that
// time, and one wake-up serves all (SCHED_BATCH).
#include <cstdint>

namespace coscanet {

class WakePolicy {
 public:
  /// A policy or a priority in real time that the operator gave stays.
  WakePolicy();

  /// To be told now and then: the frames received in the last `ms` milliseconds.
  void tell(uint64_t frames, uint64_t ms);

  /// Whether wake-ups should wait for batches, if they do so now or not. Two limits, so that it does not
  /// change with every look.
  static bool wants_batches(uint64_t frames, uint64_t ms, bool now) {
    return frames >= ms * (now ? kFewPerMs : kManyPerMs);
  }

 private:
  static constexpr uint64_t kManyPerMs = 25;
  static constexpr uint64_t kFewPerMs = 10;

  bool ours_;
  bool batches_ = false;
};

}  // namespace coscanet
