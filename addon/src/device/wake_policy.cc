#include "device/wake_policy.h"

#include <sched.h>

namespace coscanet {

WakePolicy::WakePolicy() : ours_(sched_getscheduler(0) == SCHED_OTHER) {}

void WakePolicy::tell(uint64_t frames, uint64_t ms) {
  const bool wanted = wants_batches(frames, ms, batches_);
  if (!ours_ || wanted == batches_) return;
  const sched_param none{};
  // Not allowed, as it may be in a container: then it stays as it is, and is asked for again.
  if (sched_setscheduler(0, wanted ? SCHED_BATCH : SCHED_OTHER, &none) == 0) batches_ = wanted;
}

}  // namespace coscanet
