#pragma once
#include <cstdint>

namespace coscanet {

/// Boot clock: goes on in suspend, as deadlines should.
uint64_t boot_us();
inline uint64_t boot_ms() {
  return boot_us() / 1000;
}

}  // namespace coscanet
