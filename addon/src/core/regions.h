#pragma once
// The regions of a segment, and where they are. A region may be anywhere: in one file with the others, or in
// a mapping of its own.
#include <array>

#include "abi/segment.h"
#include "core/policy.h"

namespace coscanet {

constexpr unsigned kRegions = COSCANET_REGIONS;

struct Region {
  const char* name;
  uint64_t bytes;
  uint64_t alignment;  // a power of two
};
/// By coscanet_region.
std::array<Region, kRegions> regions_of(const Limits& limits);

/// The address of each region, by coscanet_region.
using RegionAddresses = std::array<uint8_t*, kRegions>;

/// All regions one behind another, the header first.
uint64_t contiguous_bytes(const Limits& limits);
/// `memory`: of contiguous_bytes(limits), aligned as a page is.
RegionAddresses contiguous_regions(uint8_t* memory, const Limits& limits);

}  // namespace coscanet
