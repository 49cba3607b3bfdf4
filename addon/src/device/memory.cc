#include "device/memory.h"

#include <algorithm>
#include <cstring>

#include "core/coalesce.h"

namespace coscanet {

unsigned MemoryDevice::receive(Frame* frames) {
  const unsigned count = static_cast<unsigned>(std::min<size_t>(waiting_.size(), kBatch));
  for (unsigned i = 0; i < count; ++i) {
    const Stored& in = waiting_[i];
    // Exactly as long as the frame: a sanitizer sees the first byte read beyond it.
    lent_.emplace_back(kHeadroom + in.bytes.size());
    uint8_t* data = lent_.back().data() + kHeadroom;
    memcpy(data - kVnetBytes, &in.vnet, kVnetBytes);
    if (!in.bytes.empty()) memcpy(data, in.bytes.data(), in.bytes.size());
    frames[i] = {data,
                 static_cast<uint32_t>(in.bytes.size()),
                 index_,
                 in.tagged,
                 in.tag_tpid,
                 in.tag_tci,
                 in.checksum_right};
  }
  waiting_.erase(waiting_.begin(), waiting_.begin() + count);
  return count;
}

void MemoryDevice::send(Frame* const* frames, unsigned count) {
  for (unsigned i = 0; i < count;) {
    if (sent_.size() >= room_) {
      counters_->add(Counter::k_drop_tx_full, count - i);
      return;
    }
    const Frame& f = *frames[i];
    const auto [segments, headers] = coalesce(frames + i, coalesces_ ? count - i : 1);
    sent_.push_back({{f.data, f.data + f.length}, *f.vnet(), f.tagged, f.tag_tpid, f.tag_tci});
    std::vector<uint8_t>& bytes = sent_.back().bytes;
    for (const unsigned end = i++ + segments; i < end; ++i)
      bytes.insert(bytes.end(), frames[i]->data + headers, frames[i]->data + frames[i]->length);
  }
}

}  // namespace coscanet
