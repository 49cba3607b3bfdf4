#include "core/regions.h"

#include "abi/last_hop.h"

namespace coscanet {
namespace {

constexpr uint64_t kLine = COSCANET_CACHE_LINE;
constexpr uint64_t kPage = 4096;

uint64_t page_bits_bytes(uint32_t entries) {
  return FlowTable::page_words(entries) * sizeof(coscanet_u64);
}

uint64_t align(uint64_t offset, uint64_t alignment) {
  return (offset + alignment - 1) & ~(alignment - 1);
}

}  // namespace

std::array<Region, kRegions> regions_of(const Limits& limits) {
  const auto array = [](uint64_t count, uint64_t bytes) { return count * bytes; };
  return {{
      {"header", sizeof(coscanet_segment_header), kLine},
      {"forwarders", array(COSCANET_FORWARDERS, sizeof(coscanet_forwarder)), kLine},
      {"services", array(limits.services, sizeof(coscanet_service_slot)), kLine},
      {"last hops", array(COSCANET_LAST_HOPS, sizeof(coscanet_u64)), kLine},
      {"affinity reservations", array(COSCANET_RESERVATIONS, sizeof(coscanet_u64)), kLine},
      {"affinity pages", page_bits_bytes(limits.affinities), kLine},
      {"flow pages", page_bits_bytes(limits.flows), kLine},
      {"policy snapshots", array(COSCANET_SNAPSHOTS, PolicyLayout::of(limits).bytes), kPage},
      {"affinities", array(limits.affinities, sizeof(coscanet_flow_entry)), kPage},
      {"flows", array(limits.flows, sizeof(coscanet_flow_entry)), kPage},
  }};
}

uint64_t contiguous_bytes(const Limits& limits) {
  uint64_t end = 0;
  for (const Region& region : regions_of(limits)) end = align(end, region.alignment) + region.bytes;
  return end;
}

RegionAddresses contiguous_regions(uint8_t* memory, const Limits& limits) {
  RegionAddresses addresses;
  uint64_t end = 0;
  unsigned i = 0;
  for (const Region& region : regions_of(limits)) {
    end = align(end, region.alignment);
    addresses[i++] = memory + end;
    end += region.bytes;
  }
  return addresses;
}

}  // namespace coscanet
