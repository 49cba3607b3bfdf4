#include "cases.h"

#include <cerrno>
#include <thread>

#include "../../native/expect.h"
#include "host/clock.h"
#include "steps.h"

namespace coscanet::test {
namespace {

void receives_all_in_order(Link& link) {
  for (unsigned round = 0; round < 50; ++round) {
    const auto frames = datagrams(round * 100, 100);  // more than one batch; all rounds more than any ring
    put(link, frames);
    EXPECT(receive(link, frames.size()) == frames);
  }
  EXPECT(dropped_by_receiving(link) == 0);
}

void sends_all_in_order(Link& link) {
  const auto frames = datagrams(7, 1000);
  send(link, frames);
  EXPECT(link.take(frames.size()) == frames);
  EXPECT(link.take(1).empty());
  EXPECT(dropped_by_sending(link) == 0);
}

void sends_what_it_received(Link& link) {
  const auto frames = datagrams(3, 100);
  put(link, frames);
  send_back(link, frames.size());
  EXPECT(link.take(frames.size()) == frames);
}

void keeps_frames_until_release(Link& link) {
  const auto frames = datagrams(0, 100);
  put(link, frames);
  EXPECT(wait(link, kSoonMs) == 0);
  Frame first[kBatch];
  const unsigned count = link.device().receive(first);
  EXPECT(count > 0);
  put(link, datagrams(100, 20));
  for (unsigned i = 0; i < count; ++i) EXPECT(copy_of(first[i]) == frames[i]);
  link.device().release();
  EXPECT(receive(link, 120 - count).size() == 120 - count);
}

void carries_tags(Link& link) {
  auto frames = datagrams(0, 5);
  const uint16_t kTcis[] = {0x6007, 1, 0x0fff};
  for (unsigned i = 0; i < 3; ++i) {
    frames[i].tagged = true;
    frames[i].tag_tpid = 0x8100;
    frames[i].tag_tci = kTcis[i];
  }
  put(link, frames);
  EXPECT(receive(link, frames.size()) == frames);
  put(link, frames);
  send_back(link, frames.size());
  EXPECT(link.take(frames.size()) == frames);
}

/// Unfinished checksums, and segments still to be cut, of a frame with a tag too.
void carries_unfinished_work(Link& link) {
  std::vector<WireFrame> frames = {segment(0, 500, 0), segment(1, 8000, 1400), datagram(2, 100),
                                   segment(3, 400, 0)};
  frames.push_back(segment(4, 7000, 1400));
  frames.back().tagged = true;
  frames.back().tag_tpid = 0x8100;
  frames.back().tag_tci = 7;
  put(link, frames);
  EXPECT(receive(link, frames.size()) == frames);
  put(link, frames);
  send_back(link, frames.size());
  EXPECT(link.take(frames.size()) == frames);
}

/// Longer than any slot, up to what an IPv4 packet can be, among short ones, and more than a batch may hold.
void carries_long_frames(Link& link) {
  std::vector<WireFrame> frames;
  for (unsigned n = 0; n < 20; ++n) {
    frames.push_back(datagram(3 * n, 100));
    frames.push_back(datagram(3 * n + 1, 2000 + n * 300));
    frames.push_back(segment(3 * n + 2, 60'000 + n * 200, 1400));
  }
  put(link, frames);
  EXPECT(receive(link, frames.size()) == frames);
  EXPECT(dropped_by_receiving(link) == 0);
  put(link, frames);
  send_back(link, frames.size());
  EXPECT(link.take(frames.size()) == frames);
  EXPECT(dropped_by_sending(link) == 0);
}

/// Segments in a row may leave as fewer frames: cut again, they are what they were.
void sends_every_segment(Link& link) {
  constexpr unsigned kSegments = 40;
  constexpr uint32_t kPayload = 1000;
  std::vector<WireFrame> frames;
  std::vector<uint8_t> stream, got;
  for (unsigned n = 0; n < kSegments; ++n) {
    frames.push_back(segment(n, kPayload, 0));
    stream.insert(stream.end(), frames[n].bytes.begin() + kTcpHeaders, frames[n].bytes.end());
  }
  send(link, frames);
  for (const WireFrame& frame : link.take(kSegments)) {
    EXPECT(frame.vnet.gso_size == (frame.bytes.size() > kTcpHeaders + kPayload ? kPayload : 0));
    EXPECT(tcp::sequence(frame.bytes.data() + kL4At) == got.size());
    got.insert(got.end(), frame.bytes.begin() + kTcpHeaders, frame.bytes.end());
  }
  EXPECT(got == stream);
}

/// A sending side that is full costs frames, each of them counted, and a bounded wait.
void counts_what_finds_no_room(Link& link, const std::vector<WireFrame>& frames) {
  link.congest();
  const uint64_t began = boot_ms();
  send(link, frames);
  EXPECT(boot_ms() - began < 1000);
  size_t arrived = 0;
  for (const WireFrame& frame : link.take(frames.size()))
    arrived += frame.vnet.gso_size
                   ? (frame.bytes.size() - kTcpHeaders + frame.vnet.gso_size - 1) / frame.vnet.gso_size
                   : 1;
  EXPECT(arrived > 0 && arrived < frames.size());
  EXPECT(arrived + link.counters().get(Counter::k_drop_tx_full) == frames.size());
}

void counts_datagrams_without_room(Link& link) {
  std::vector<WireFrame> frames;
  for (unsigned n = 0; n < 300; ++n) frames.push_back(datagram(n, 1000));
  counts_what_finds_no_room(link, frames);
}

void counts_segments_without_room(Link& link) {
  std::vector<WireFrame> frames;
  for (unsigned n = 0; n < 300; ++n) frames.push_back(segment(n, 600, 0));
  counts_what_finds_no_room(link, frames);
}

void sleeps_when_idle(Link& link) {
  const uint64_t began = boot_ms();
  EXPECT(wait(link, 100) == 0);
  EXPECT(boot_ms() - began >= 90);
  EXPECT(receive_batch(link).empty());
}

void wakes_for_frames(Link& link) {
  link.put(datagram(1, 100));
  uint64_t began = boot_ms();
  EXPECT(wait(link, 10'000) == 0);
  EXPECT(boot_ms() - began < 5000);
  EXPECT(receive_batch(link).size() == 1);
  // A device without a descriptor wakes nobody: then frames are there before anybody sleeps.
  if (link.device().descriptor() < 0) return;
  std::thread late([&link] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    link.put(datagram(2, 100));
  });
  began = boot_ms();
  EXPECT(wait(link, 10'000) == 0);
  EXPECT(boot_ms() - began < 5000);
  late.join();
  EXPECT(receive_batch(link).size() == 1);
}

void has_no_error(Link& link) {
  EXPECT(link.device().check() == 0);
  EXPECT(link.device().woken(0, boot_ms()) == 0);
}

void tells_of_a_deleted_interface(Link& link) {
  link.delete_interface();
  EXPECT(wait(link, 1000) != 0);
  EXPECT(link.device().check() == ENODEV);
  const auto frames = datagrams(0, 10);
  send(link, frames);
  EXPECT(dropped_by_sending(link) == frames.size());
}

/// Released frames never come again, others all come, whenever the process dies.
void is_taken_over(Link& link) {
  for (unsigned round = 0; round < 40; ++round) {
    const auto before = datagrams(round * 100, 20), after = datagrams(round * 100 + 20, 10);
    put(link, before);
    EXPECT(receive(link, before.size()) == before);
    put(link, after);
    if (round % 2) EXPECT(look_at_batch(link) == after);
    link.replace_process();
    EXPECT(receive(link, after.size()) == after);
  }
  EXPECT(dropped_by_receiving(link) == 0);
}

/// A long frame that a dead process had half read may be lost: it is counted, and costs no other.
void is_taken_over_with_long_frames(Link& link) {
  for (unsigned round = 0; round < 20; ++round) {
    std::vector<WireFrame> frames;
    for (unsigned n = 0; n < 6; ++n) frames.push_back(datagram(round * 10 + n, n % 2 ? 4000 + n : 200 + n));
    put(link, frames);
    const uint64_t dropped = dropped_by_receiving(link);
    EXPECT(wait(link, kSoonMs) == 0);
    EXPECT(look_at_batch(link) == frames);
    link.replace_process();
    size_t next = 0, lost = 0;
    const Deadline deadline(kSoonMs);
    for (size_t again = 0; again + lost < frames.size() && !deadline.passed();) {
      EXPECT(wait(link, 100) == 0);
      for (const WireFrame& frame : receive_batch(link)) {
        while (next < frames.size() && !(frames[next] == frame)) ++next;
        EXPECT(next++ < frames.size());
        ++again;
      }
      lost = dropped_by_receiving(link) - dropped;
      EXPECT(again + lost <= frames.size());
    }
    EXPECT(lost <= 3);
  }
}

void is_not_misled_by_another_state(Link& link) {
  put(link, datagrams(0, 30));
  EXPECT(receive(link, 30).size() == 30);
  link.replace_socket();
  const auto frames = datagrams(50, 60);  // beyond where the old one stopped
  put(link, frames);
  EXPECT(receive(link, frames.size()) == frames);
}

}  // namespace

constexpr Abilities kOutlivesProcess{true, false}, kInterface{false, true};

const Case kCases[] = {
    {"frames come in in order, byte for byte, more than a ring holds", receives_all_in_order},
    {"frames go out in order, byte for byte", sends_all_in_order},
    {"frames leave out of the memory that they came in", sends_what_it_received},
    {"frames stay as they are until they are given back", keeps_frames_until_release},
    {"tags come in and go out", carries_tags},
    {"unfinished checksums and segments come in and go out", carries_unfinished_work},
    {"frames of 64 kB come in whole and go out whole", carries_long_frames},
    {"of segments that leave as one frame none is missing", sends_every_segment},
    {"datagrams that find no room are counted", counts_datagrams_without_room},
    {"segments that find no room are counted, each", counts_segments_without_room},
    {"who waits sleeps while nothing comes", sleeps_when_idle},
    {"who waits is woken by frames", wakes_for_frames},
    {"there is no error without a reason", has_no_error},
    {"a deleted interface is an error, at once, and frames to it are counted", tells_of_a_deleted_interface,
     kInterface},
    {"another process goes on with the next frame", is_taken_over, kOutlivesProcess},
    {"another process goes on among long frames", is_taken_over_with_long_frames, kOutlivesProcess},
    {"a new socket begins anew, whatever was kept of the old one", is_not_misled_by_another_state,
     kOutlivesProcess},
    {nullptr, nullptr},
};

}  // namespace coscanet::test
