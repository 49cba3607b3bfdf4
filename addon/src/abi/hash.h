// The keyed hash of the flow, affinity and last-hop tables: NH (Black et al., UMAC; RFC 4418) over pairs of
// words, and a mixer of two multiplications. 64-bit arithmetic alone, so that a BPF program can calculate it.
//
// Under a random key two given inputs have the same NH sum with a probability of at most 2^-32, whatever they
// are: without the key nobody can name addresses and ports that share a bucket, neither by calculation nor
// from a list made beforehand. The key is 128 random bits, drawn with the segment and kept secret. Linux
// asks no more of the hash under its own tables of connections and of IPVS. It is no cryptographic function:
// who sees hashes could calculate the key. Outside, only a packet of an unknown flow shows a little of its
// hash, by the endpoint that answers it; and who could fill a bucket would achieve that flows of it are not
// stored, nothing else. Programs on the router's own host that may read the segment have all of it anyway.
#ifndef COSCANET_ABI_HASH_H
#define COSCANET_ABI_HASH_H

#include <assert.h>
#include <stdint.h>

// As it is drawn, in the segment's header.
struct coscanet_hash_key {
  uint64_t k0;
  uint64_t k1;
};
static_assert(sizeof(struct coscanet_hash_key) == 16, "128 bits");

// As the hash uses it.
struct coscanet_hash_words {
  uint32_t k[4];
};

static inline struct coscanet_hash_words coscanet_hash_words_of(const struct coscanet_hash_key* key) {
  // Digits of pi, so that a key of few bits is no weak one.
  const uint64_t k0 = key->k0 ^ 0x243f6a8885a308d3u, k1 = key->k1 ^ 0x13198a2e03707344u;
  const struct coscanet_hash_words words = {
      {(uint32_t)k0, (uint32_t)(k0 >> 32), (uint32_t)k1, (uint32_t)(k1 >> 32)}};
  return words;
}

static inline uint64_t coscanet_hash_nh(const struct coscanet_hash_words* key, uint32_t a, uint32_t b,
                                        uint32_t c, uint32_t d) {
  return (uint64_t)(a + key->k[0]) * (b + key->k[1]) + (uint64_t)(c + key->k[2]) * (d + key->k[3]);
}

// Every bit of the sum moves every bit of the result.
static inline uint64_t coscanet_hash_mix(uint64_t sum) {
  sum *= 0x9e3779b97f4a7c15u;
  sum ^= sum >> 32;
  sum *= 0xd6e8feb86659fd93u;
  return sum ^ sum >> 32;
}

// Of four words: an address, or the tuple of an IPv4 flow.
static inline uint64_t coscanet_hash4(const struct coscanet_hash_words* key, uint32_t a, uint32_t b,
                                      uint32_t c, uint32_t d) {
  return coscanet_hash_mix(coscanet_hash_nh(key, a, b, c, d));
}

// Of five words of 64 bits: the tuple of any flow.
static inline uint64_t coscanet_hash_wide5(const struct coscanet_hash_words* key, const uint64_t* words) {
  uint64_t hash = 0;
  for (int i = 0; i < 6; i += 2) {
    const uint64_t a = words[i], b = i < 4 ? words[i + 1] : 0;
    hash = coscanet_hash_mix(
        hash + coscanet_hash_nh(key, (uint32_t)a, (uint32_t)(a >> 32), (uint32_t)b, (uint32_t)(b >> 32)));
  }
  return hash;
}

#endif
