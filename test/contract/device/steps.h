#pragma once
// What the cases do with a link: frames through a device as a forwarder moves them, and what was counted.
#include "frames.h"

namespace coscanet::test {

constexpr int kSoonMs = 2000;

WireFrame copy_of(const Frame& f);
/// One batch, as copies, and given back; the room before its frames is written to, as the packet path may.
std::vector<WireFrame> receive_batch(Link& link);
/// As a process does that dies before it gives them back.
std::vector<WireFrame> look_at_batch(Link& link);
/// Until frames may have come: 0, or an errno of the device.
int wait(Link& link, int timeout_ms);
/// The next `count` frames. None comes behind them, for all that were put are asked for.
std::vector<WireFrame> receive(Link& link, size_t count);
/// So many frames out of the device and back by the same one, as a forwarder with one interface does.
void send_back(Link& link, size_t count);
/// Frames of our own, sent in batches.
void send(Link& link, const std::vector<WireFrame>& frames);
void put(Link& link, const std::vector<WireFrame>& frames);
/// Datagrams of all lengths, numbered from `first`.
std::vector<WireFrame> datagrams(unsigned first, size_t count);

uint64_t dropped_by_sending(Link& link);
uint64_t dropped_by_receiving(Link& link);

}  // namespace coscanet::test
