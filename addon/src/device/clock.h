#pragma once
#include <cstdint>

namespace coscanet {

/// Boot clock in milliseconds: goes on in suspend, as deadlines should.
uint64_t boot_ms();

}  // namespace coscanet
