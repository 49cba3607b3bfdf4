#pragma once
// SipHash-1-3 (Aumasson, Bernstein 2012; the round counts of Linux' and Rust's hash tables): a keyed hash, so
// that nobody outside can aim packets at one bucket.
#include <cstdint>

namespace coscanet {

struct HashKey {
  uint64_t k0;
  uint64_t k1;
};

/// Hash of `words` 64-bit words.
inline uint64_t siphash(const HashKey& key, const uint64_t* data, unsigned words) {
  auto rotate = [](uint64_t x, int b) { return x << b | x >> (64 - b); };
  uint64_t v0 = key.k0 ^ 0x736f6d6570736575u, v1 = key.k1 ^ 0x646f72616e646f6du;
  uint64_t v2 = key.k0 ^ 0x6c7967656e657261u, v3 = key.k1 ^ 0x7465646279746573u;
  auto round = [&] {
    v0 += v1, v1 = rotate(v1, 13) ^ v0, v0 = rotate(v0, 32);
    v2 += v3, v3 = rotate(v3, 16) ^ v2;
    v0 += v3, v3 = rotate(v3, 21) ^ v0;
    v2 += v1, v1 = rotate(v1, 17) ^ v2, v2 = rotate(v2, 32);
  };
  for (unsigned i = 0; i < words; ++i) {
    v3 ^= data[i];
    round();
    v0 ^= data[i];
  }
  uint64_t last = static_cast<uint64_t>(words * 8) << 56;
  v3 ^= last;
  round();
  v0 ^= last;
  v2 ^= 0xff;
  for (int i = 0; i < 3; ++i) round();
  return v0 ^ v1 ^ v2 ^ v3;
}

}  // namespace coscanet
