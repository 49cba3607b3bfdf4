#pragma once
// A token bucket that forwarders share: one word, one compare-and-swap.
#include <cstdint>

#include "abi/shared_word.h"

namespace coscanet {

class TokenBucket {
 public:
  explicit TokenBucket(coscanet_u64& word) : word_(word) {}

  /// Takes one token. `now_ms`: boot clock. Refills `per_second`, holds at most `burst`.
  bool take(uint64_t now_ms, uint32_t per_second, uint32_t burst) {
    // word: 63…24 milliseconds of the last refill, 23…0 tokens
    uint64_t word = word_.load(std::memory_order_relaxed);
    for (;;) {
      uint64_t last = word >> 24, tokens = word & 0xffffff;
      const uint64_t fresh = now_ms > last ? (now_ms - last) * per_second / 1000 : 0;
      if (fresh) {
        tokens = tokens + fresh < burst ? tokens + fresh : burst;
        last = now_ms;
      }
      if (tokens == 0) return false;
      if (word_.compare_exchange(word, last << 24 | (tokens - 1), std::memory_order_relaxed)) return true;
    }
  }

 private:
  coscanet_u64& word_;
};

}  // namespace coscanet
