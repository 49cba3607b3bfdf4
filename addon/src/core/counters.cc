#include "core/counters.h"

namespace coscanet {

const char* counter_name(Counter counter) {
  static const char* const kNames[] = {
#define X(name) #name,
      COSCANET_COUNTERS(X)
#undef X
#define X(name) "drop_" #name,
          COSCANET_DROPS(X)
#undef X
  };
  return kNames[static_cast<unsigned>(counter)];
}

}  // namespace coscanet
