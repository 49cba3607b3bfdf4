#include "core/segment.h"

namespace coscanet {
namespace {

struct Layout {
  uint64_t forwarders, services, last_hops, affinity_reservations, affinity_pages, flow_pages, snapshots,
      affinities, flows, bytes;
};

Layout layout_of(const Limits& limits) {
  Layout layout;
  uint64_t at = 0;
  auto take = [&at](uint64_t bytes, uint64_t alignment) {
    const uint64_t here = (at + alignment - 1) / alignment * alignment;
    at = here + bytes;
    return here;
  };
  take(sizeof(SegmentHeader), 64);
  layout.forwarders = take(FlowTable::kForwarders * sizeof(ForwarderSlot), 64);
  layout.services = take(limits.services * sizeof(ServiceSlot), 64);
  layout.last_hops = take(LastHops::kEntries * sizeof(std::atomic<uint64_t>), 64);
  layout.affinity_reservations = take(AffinityReservations::kWords * sizeof(std::atomic<uint64_t>), 64);
  const auto words = [](uint32_t capacity) { return FlowTable::page_words(capacity) * sizeof(uint64_t); };
  layout.affinity_pages = take(words(limits.affinities), 64);
  layout.flow_pages = take(words(limits.flows), 64);
  layout.snapshots = take(static_cast<uint64_t>(kSnapshots) * PolicyLayout::of(limits).bytes, 4096);
  layout.affinities = take(static_cast<uint64_t>(limits.affinities) * sizeof(FlowEntry), 4096);
  layout.flows = take(static_cast<uint64_t>(limits.flows) * sizeof(FlowEntry), 4096);
  layout.bytes = at;
  return layout;
}

}  // namespace

uint64_t Segment::bytes(const Limits& limits) {
  return layout_of(limits).bytes;
}

void Segment::format(uint8_t* memory, const Limits& limits, const HashKey& key, const char* boot_id) {
  auto* header = reinterpret_cast<SegmentHeader*>(memory);
  header->version = kSegmentVersion;
  header->bytes = bytes(limits);
  strncpy(header->boot_id, boot_id, kBootIdBytes - 1);
  header->hash_key = key;
  header->limits = limits;
  header->magic = kSegmentMagic;  // last: a half-made segment does not fit
}

bool Segment::fits(const uint8_t* memory, uint64_t length, const Limits& limits, const char* boot_id) {
  const auto* header = reinterpret_cast<const SegmentHeader*>(memory);
  return length >= sizeof(SegmentHeader) && header->magic == kSegmentMagic &&
         header->version == kSegmentVersion && header->limits == limits && header->bytes == bytes(limits) &&
         length == header->bytes && strncmp(header->boot_id, boot_id, kBootIdBytes - 1) == 0;
}

Segment::Segment(uint8_t* memory) : header_(reinterpret_cast<SegmentHeader*>(memory)) {
  const Layout layout = layout_of(header_->limits);
  forwarders_ = reinterpret_cast<ForwarderSlot*>(memory + layout.forwarders);
  services_ = reinterpret_cast<ServiceSlot*>(memory + layout.services);
  last_hops_ = reinterpret_cast<std::atomic<uint64_t>*>(memory + layout.last_hops);
  reservations_ = reinterpret_cast<std::atomic<uint64_t>*>(memory + layout.affinity_reservations);
  snapshots_ = memory + layout.snapshots;
  snapshot_bytes_ = PolicyLayout::of(header_->limits).bytes;
  flow_pages_ = reinterpret_cast<std::atomic<uint64_t>*>(memory + layout.flow_pages);
  affinity_pages_ = reinterpret_cast<std::atomic<uint64_t>*>(memory + layout.affinity_pages);
  flows_ = reinterpret_cast<FlowEntry*>(memory + layout.flows);
  affinities_ = reinterpret_cast<FlowEntry*>(memory + layout.affinities);
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
  while (held(i)) ++i;  // ends: see kSnapshots
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
  std::atomic<uint32_t>& hazard = forwarders_[forwarder].snapshot;
  uint32_t active = header_->active.load(std::memory_order_acquire);
  while (hazard.load(std::memory_order_relaxed) != active) {
    hazard.store(active);
    active = header_->active.load();
  }
  return active ? snapshot(active - 1) : nullptr;
}

}  // namespace coscanet
