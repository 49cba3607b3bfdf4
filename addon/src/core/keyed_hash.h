#pragma once
// A keyed hash of a few words by folded multiplication, as wyhash and aHash have it: nine instructions for
// two words, where SipHash-1-3 takes 125, which was a fifth of a packet's time.
//
// It keeps out who cannot see where packets are put: the key is 128 random bits, drawn with the segment and
// told to nobody, and without it nobody can name addresses and ports that share a bucket, neither by
// calculation nor from a list made beforehand. Linux asks no more of the hash under its own tables of
// connections and of IPVS. It is no cryptographic function: who sees hashes could calculate the key. Outside,
// only a packet of a flow that nobody knows shows a little of its hash, by the endpoint that answers it; and
// who could fill a bucket would gain that flows of it are not remembered, nothing else. Programs on the
// router's own host that may read the segment have all of it anyway.
#include <cstdint>

namespace coscanet {

struct HashKey {
  uint64_t k0;
  uint64_t k1;
};

/// Hash of `words` 64-bit words. All its bits are good.
inline uint64_t keyed_hash(const HashKey& key, const uint64_t* data, unsigned words) {
  const auto fold = [](uint64_t a, uint64_t b) {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
  };
  // Digits of pi, so that a key of few bits is no weak one.
  const uint64_t left = key.k0 ^ 0x243f6a8885a308d3u, right = key.k1 ^ 0x13198a2e03707344u;
  uint64_t hash = words;
  for (unsigned i = 0; i + 1 < words; i += 2) hash = fold(hash ^ data[i] ^ left, data[i + 1] ^ right);
  if (words & 1) hash = fold(hash ^ left, data[words - 1] ^ right);
  return fold(hash ^ right, left | 1);
}

}  // namespace coscanet
