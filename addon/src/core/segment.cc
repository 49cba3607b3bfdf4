#include "core/segment.h"

namespace coscanet {

void Segment::format(SegmentHeader* header, const Limits& limits, const HashKey& key, const char* boot_id) {
  header->version = COSCANET_SEGMENT_VERSION;
  header->bytes = contiguous_bytes(limits);
  strncpy(header->boot_id, boot_id, kBootIdBytes - 1);
  header->hash_key = key;
  header->limits = limits;
  header->magic = COSCANET_SEGMENT_MAGIC;  // last: a half-made segment does not fit
}

bool Segment::fits(const SegmentHeader& header, const Limits& limits, const char* boot_id) {
  return header.magic == COSCANET_SEGMENT_MAGIC && header.version == COSCANET_SEGMENT_VERSION &&
         limits == header.limits && header.bytes == contiguous_bytes(limits) &&
         strncmp(header.boot_id, boot_id, kBootIdBytes - 1) == 0;
}

Segment::Segment(const RegionAddresses& regions)
    : header_(reinterpret_cast<SegmentHeader*>(regions[COSCANET_REGION_HEADER])),
      forwarders_(reinterpret_cast<ForwarderSlot*>(regions[COSCANET_REGION_FORWARDERS])),
      services_(reinterpret_cast<ServiceSlot*>(regions[COSCANET_REGION_SERVICES])),
      last_hops_(reinterpret_cast<coscanet_u64*>(regions[COSCANET_REGION_LAST_HOPS])),
      reservations_(reinterpret_cast<coscanet_u64*>(regions[COSCANET_REGION_RESERVATIONS])),
      affinity_pages_(reinterpret_cast<coscanet_u64*>(regions[COSCANET_REGION_AFFINITY_PAGES])),
      flow_pages_(reinterpret_cast<coscanet_u64*>(regions[COSCANET_REGION_FLOW_PAGES])),
      snapshots_(regions[COSCANET_REGION_SNAPSHOTS]),
      snapshot_bytes_(PolicyLayout::of(header_->limits).bytes),
      affinities_(reinterpret_cast<FlowEntry*>(regions[COSCANET_REGION_AFFINITIES])),
      flows_(reinterpret_cast<FlowEntry*>(regions[COSCANET_REGION_FLOWS])) {}

Segment Segment::contiguous(uint8_t* memory) {
  return Segment(contiguous_regions(memory, reinterpret_cast<SegmentHeader*>(memory)->limits));
}

FlowTable Segment::flow_table() const {
  return FlowTable(flows_, flow_pages_, header_->limits.flows, header_->hash_key, header_->owner_generations);
}

FlowTable Segment::affinity_table() const {
  return FlowTable(affinities_, affinity_pages_, header_->limits.affinities, header_->hash_key,
                   header_->owner_generations);
}

uint8_t* Segment::free_snapshot(unsigned* index) const {
  auto held = [this](unsigned i) {
    if (header_->active.load() == i + 1) return true;
    for (unsigned f = 0; f < FlowTable::kForwarders; ++f)
      if (forwarders_[f].snapshot.load() == i + 1) return true;
    return false;
  };
  unsigned i = 0;
  while (held(i)) ++i;  // ends: see COSCANET_SNAPSHOTS
  *index = i;
  return snapshot(i);
}

void Segment::activate(unsigned index) const {
  header_->active.store(index + 1);
}

uint8_t* Segment::active_snapshot() const {
  const uint32_t active = header_->active.load();
  return active ? snapshot(active - 1) : nullptr;
}

uint8_t* Segment::pin_snapshot(unsigned forwarder) const {
  // Announce, then look again: a snapshot announced while it was in force is not handed out for writing.
  coscanet_u32& hazard = forwarders_[forwarder].snapshot;
  uint32_t active = header_->active.load(std::memory_order_acquire);
  while (hazard.load(std::memory_order_relaxed) != active) {
    hazard.store(active);
    active = header_->active.load();
  }
  return active ? snapshot(active - 1) : nullptr;
}

}  // namespace coscanet
