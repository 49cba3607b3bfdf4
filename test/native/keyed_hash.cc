// What the flow table asks of its hash: that each bit of addresses and ports moves every bit of it, that
// flows which differ as flows do (addresses and ports one after another) fall into buckets as if thrown, and
// that under another key they fall otherwise.
#include "abi/hash.h"

#include <cmath>
#include <random>
#include <vector>

#include "core/flow_table.h"
#include "expect.h"

using namespace coscanet;

namespace {

constexpr unsigned kBits = 16;
constexpr uint32_t kBuckets = 1u << kBits;
const coscanet_hash_key kKeys[] = {
    {1, 2}, {0, 0}, {~0ull, ~0ull}, {0x6a09e667f3bcc908, 0xbb67ae8584caa73b}, {1ull << 63, 1}};

uint64_t hash(const coscanet_hash_key& key, const uint64_t* data, unsigned words) {
  const coscanet_hash_words key_words = coscanet_hash_words_of(&key);
  const auto half = [&](unsigned i) { return static_cast<uint32_t>(data[i / 2] >> i % 2 * 32); };
  return words == 2 ? coscanet_hash4(&key_words, half(0), half(1), half(2), half(3))
                    : coscanet_hash_wide5(&key_words, data);
}

/// Flipping an input bit flips each output bit in half of all cases: 4,096 of them, so a fair coin is within
/// 0.06 of a half but for one in 10¹³.
void every_bit_moves_every_bit(const coscanet_hash_key& key, unsigned words) {
  constexpr unsigned kSamples = 4096;
  std::mt19937_64 random(words);
  for (unsigned bit = 0; bit < words * 64; ++bit) {
    unsigned flips[64] = {};
    for (unsigned sample = 0; sample < kSamples; ++sample) {
      uint64_t data[5];
      // Half of them small numbers, as most words of a flow are.
      for (auto& word : data) word = sample % 2 ? random() : random() & 0xffff;
      const uint64_t before = hash(key, data, words);
      data[bit / 64] ^= 1ull << bit % 64;
      const uint64_t moved = before ^ hash(key, data, words);
      for (unsigned out = 0; out < 64; ++out) flips[out] += moved >> out & 1;
    }
    for (const unsigned count : flips) EXPECT(std::abs(count / double{kSamples} - 0.5) < 0.06);
  }
}

uint64_t hash_of(const FlowTable& table, uint32_t client, uint16_t client_port, uint32_t vip, uint16_t port) {
  FlowKey key;
  uint8_t bytes[4];
  store_be32(bytes, client);
  key.client = Address::v4(bytes);
  store_be32(bytes, vip);
  key.vip = Address::v4(bytes);
  key.client_port = client_port;
  key.port = port;
  key.protocol = 6;
  return table.hash(key);
}

constexpr uint32_t kClient = 0xc6120001, kVip = 0x0a4d0064;  // 198.18.0.1, 10.77.0.100

/// Sets of as many flows as there are buckets, each as real ones come: `i` names the flow.
uint64_t (*const kSets[])(const FlowTable&, uint32_t i) = {
    [](const FlowTable& t, uint32_t i) { return hash_of(t, kClient + i, 40000, kVip, 443); },
    [](const FlowTable& t, uint32_t i) { return hash_of(t, kClient + i * 256, 40000, kVip, 443); },
    [](const FlowTable& t, uint32_t i) { return hash_of(t, kClient, static_cast<uint16_t>(i), kVip, 443); },
    [](const FlowTable& t, uint32_t i) {
      return hash_of(t, kClient + i % 256, static_cast<uint16_t>(1024 + i / 256), kVip, 443);
    },
    [](const FlowTable& t, uint32_t i) {
      return hash_of(t, kClient + i % 16, static_cast<uint16_t>(1024 + i / 16 % 16), kVip + i / 256, 443);
    },
    [](const FlowTable& t, uint32_t i) { return hash_of(t, kClient, 40000, kVip, static_cast<uint16_t>(i)); },
};

/// Of as many balls as buckets, thrown, e⁻¹/k! of the buckets get k. Chi-square of eight classes (0 … 6,
/// more).
double chi_square(const std::vector<unsigned>& balls) {
  unsigned seen[8] = {};
  for (const unsigned count : balls) ++seen[count < 7 ? count : 7];
  double sum = 0, rest = kBuckets, wanted = kBuckets * std::exp(-1.0);
  for (unsigned k = 0; k < 8; ++k, wanted /= k) {
    const double expected = k < 7 ? wanted : rest;
    sum += (seen[k] - expected) * (seen[k] - expected) / expected;
    rest -= expected;
  }
  return sum;
}

/// By the bits that name a bucket, a way, a fingerprint and a choice.
void falls_as_if_thrown(const FlowTable& table) {
  for (const auto& set : kSets)
    for (const unsigned shift : {0u, 16u, 32u, 48u}) {
      std::vector<unsigned> balls(kBuckets);
      for (uint32_t i = 0; i < kBuckets; ++i) ++balls[set(table, i) >> shift & (kBuckets - 1)];
      EXPECT(chi_square(balls) < 70);  // of seven degrees of freedom: one in 10¹² is higher
    }
}

/// Flows that share a bucket under one key do not under another.
void keys_part_them(const FlowTable& one, const FlowTable& other) {
  for (const auto& set : kSets) {
    std::vector<uint32_t> together;
    const uint64_t bucket = set(one, 0) & 0xff;
    for (uint32_t i = 0; i < kBuckets; ++i)
      if ((set(one, i) & 0xff) == bucket) together.push_back(i);
    EXPECT(together.size() > 100);
    unsigned most = 0, fullest[256] = {};
    for (const uint32_t i : together) {
      const unsigned count = ++fullest[set(other, i) & 0xff];
      if (count > most) most = count;
    }
    EXPECT(most < 16);  // one on average
  }
}

}  // namespace

int main() {
  std::vector<FlowTable> tables;
  for (const coscanet_hash_key& key : kKeys) {
    for (const unsigned words : {2u, 5u}) every_bit_moves_every_bit(key, words);
    tables.emplace_back(nullptr, nullptr, 64, key, nullptr);
    falls_as_if_thrown(tables.back());
  }
  for (size_t i = 1; i < tables.size(); ++i) keys_part_them(tables[0], tables[i]);
  puts("ok");
  return 0;
}
