#include "steps.h"

#include <algorithm>
#include <cstring>

#include "../../native/expect.h"

namespace coscanet::test {

WireFrame copy_of(const Frame& f) {
  return {{f.data, f.data + f.length}, *f.vnet(), f.tagged, f.tag_tpid, f.tag_tci, f.checksum_right};
}

std::vector<WireFrame> receive_batch(Link& link) {
  Frame frames[kBatch];
  const unsigned count = link.device().receive(frames);
  EXPECT(count <= kBatch);
  std::vector<WireFrame> copies;
  for (unsigned i = 0; i < count; ++i) {
    EXPECT(frames[i].ingress == Link::kInterface);
    copies.push_back(copy_of(frames[i]));
    memset(frames[i].data - kHeadroom, 0xff, kHeadroom);
  }
  for (unsigned i = 0; i < count; ++i)
    EXPECT(std::equal(copies[i].bytes.begin(), copies[i].bytes.end(), frames[i].data));
  link.device().release();
  return copies;
}

std::vector<WireFrame> look_at_batch(Link& link) {
  Frame frames[kBatch];
  const unsigned count = link.device().receive(frames);
  std::vector<WireFrame> copies;
  for (unsigned i = 0; i < count; ++i) copies.push_back(copy_of(frames[i]));
  return copies;
}

int wait(Link& link, int timeout_ms) {
  Device* device = &link.device();
  return wait_for_frames(&device, 1, timeout_ms);
}

std::vector<WireFrame> receive(Link& link, size_t count) {
  std::vector<WireFrame> all;
  const Deadline deadline(kSoonMs);
  while (all.size() < count && !deadline.passed()) {
    EXPECT(wait(link, 100) == 0);
    for (WireFrame& frame : receive_batch(link)) all.push_back(std::move(frame));
  }
  EXPECT(receive_batch(link).empty());
  return all;
}

/// Takes everything out of the device and sends it back by the same one, as a forwarder with one interface
void send_back(Link& link, size_t count) {
  const Deadline deadline(kSoonMs);
  while (count && !deadline.passed()) {
    EXPECT(wait(link, 100) == 0);
    Frame frames[kBatch];
    Frame* out[kBatch];
    const unsigned received = link.device().receive(frames);
    for (unsigned i = 0; i < received; ++i) out[i] = &frames[i];
    link.device().send(out, received);
    link.device().release();
    count -= received;
  }
  EXPECT(count == 0);
}

void send(Link& link, const std::vector<WireFrame>& frames) {
  std::vector<std::vector<uint8_t>> memory;
  Frame batch[kBatch];
  Frame* out[kBatch];
  for (size_t first = 0; first < frames.size(); first += kBatch) {
    const auto count = static_cast<unsigned>(std::min<size_t>(frames.size() - first, kBatch));
    memory.assign(count, {});
    for (unsigned i = 0; i < count; ++i) {
      const WireFrame& from = frames[first + i];
      memory[i].resize(kHeadroom + from.bytes.size());
      uint8_t* data = memory[i].data() + kHeadroom;
      memcpy(data - kVnetBytes, &from.vnet, kVnetBytes);
      memcpy(data, from.bytes.data(), from.bytes.size());
      batch[i] = {data,        static_cast<uint32_t>(from.bytes.size()), 0, from.tagged, from.tag_tpid,
                  from.tag_tci};
      out[i] = &batch[i];
    }
    link.device().send(out, count);
  }
}

void put(Link& link, const std::vector<WireFrame>& frames) {
  for (const WireFrame& frame : frames) link.put(frame);
}

std::vector<WireFrame> datagrams(unsigned first, size_t count) {
  std::vector<WireFrame> frames;
  for (unsigned n = first; frames.size() < count; ++n) frames.push_back(datagram(n, 60 + n * 97 % 1455));
  return frames;
}

uint64_t dropped_by_sending(Link& link) {
  return link.counters().get(Counter::k_drop_tx_full) + link.counters().get(Counter::k_drop_tx_error);
}
uint64_t dropped_by_receiving(Link& link) {
  return link.counters().get(Counter::k_drop_rx_unpaired) + link.counters().get(Counter::k_drop_rx_truncated);
}

}  // namespace coscanet::test
