// That the one look at an IPv4 header (ipv4::is_plain) says what the careful ones say together, of random
// headers and of good ones with some bits wrong.
#include <random>
#include <vector>

#include "core/ipv4.h"
#include "expect.h"

using namespace coscanet;

namespace {

constexpr uint8_t kNetworks[] = {0, 1, 126, 127, 128, 223, 224, 255};

bool is_careful_plain(const uint8_t* p, uint32_t available) {
  return ipv4::has_header(p, available) && ipv4::header_length(p) == ipv4::kHeader &&
         ipv4::total_length(p) >= ipv4::kHeader && ipv4::total_length(p) <= available &&
         checksum(p, ipv4::kHeader) == 0 && ipv4::is_single_host(ipv4::source(p)) && !ipv4::is_fragment(p) &&
         ipv4::ttl(p) != 0;
}

}  // namespace

int main() {
  std::mt19937_64 random(1);
  unsigned plain = 0, others = 0;
  for (unsigned round = 0; round < 2'000'000; ++round) {
    uint8_t header[ipv4::kHeader];
    for (auto& byte : header) byte = static_cast<uint8_t>(random());
    const uint32_t length = ipv4::kHeader + random() % 1481;
    if (random() % 8) {
      header[0] = 0x45;
      store_be16(header + 2, static_cast<uint16_t>(length));
      store_be16(header + 6, random() % 2 ? 0x4000 : 0);
    }
    // Networks and TTLs at the borders come often.
    if (random() % 4 == 0) header[12] = kNetworks[random() % 8];
    if (random() % 16 == 0) header[8] = 0;
    if (random() % 16) {
      store_be16(header + 10, 0);
      store_be16(header + 10, checksum(header, ipv4::kHeader));
    }
    if (random() % 4 == 0) header[random() % sizeof header] ^= 1u << random() % 8;
    // Never less than the array: what is not there must not be read.
    const uint32_t available = random() % 4 ? length + random() % 3 - 1 : random() % 1600;
    if (available < ipv4::kHeader) {
      const std::vector<uint8_t> cut(header, header + available);
      EXPECT(!ipv4::is_plain(cut.data(), available));
      continue;
    }
    const bool wanted = is_careful_plain(header, available);
    EXPECT(ipv4::is_plain(header, available) == wanted);
    wanted ? ++plain : ++others;
  }
  EXPECT(plain > 100'000 && others > 100'000);
  printf("%u plain, %u not\n", plain, others);
  return 0;
}
