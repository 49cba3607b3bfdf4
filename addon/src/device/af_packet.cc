#include "device/af_packet.h"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/coalesce.h"
#include "host/clock.h"

#ifndef PACKET_FANOUT_FLAG_IGNORE_OUTGOING
#define PACKET_FANOUT_FLAG_IGNORE_OUTGOING 0x4000
#endif

namespace coscanet {
namespace {

constexpr unsigned kBlockBytes = 1 << 16;
constexpr int kReceiveQueueBytes = 8 << 20;  // long frames wait here
constexpr int kSendQueueBytes = 1 << 20;
constexpr int64_t kSendWaitMs = 10;
/// So long a processor may take to fill its slot, interrupts and a host that runs others included.
constexpr uint64_t kFillingMs = 20;

template <typename T>
bool set(int fd, int level, int name, const T& value) {
  return setsockopt(fd, level, name, &value, sizeof value) == 0;
}

/// SO_*BUFFORCE passes the host's limit; a process that may not (no CAP_NET_ADMIN) gets what the limit
/// allows.
void set_buffer(int fd, int force, int plain, int bytes) {
  if (!set(fd, SOL_SOCKET, force, bytes)) set(fd, SOL_SOCKET, plain, bytes);
}

/// A bound socket with its ring, not yet in a group; -1 with errno.
int open_socket(int interface_index, unsigned slots) {
  // Protocol 0: nothing arrives before bind(), when all is set.
  const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  tpacket_req ring{};
  ring.tp_block_size = kBlockBytes;
  ring.tp_frame_size = kSlotBytes;
  ring.tp_block_nr = (slots * kSlotBytes + kBlockBytes - 1) / kBlockBytes;
  ring.tp_frame_nr = ring.tp_block_nr * (kBlockBytes / kSlotBytes);
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = __builtin_bswap16(ETH_P_ALL);
  address.sll_ifindex = interface_index;
  set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, kReceiveQueueBytes);
  set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, kSendQueueBytes);
  // The header before the ring (else EBUSY); the reserve gives each frame the headroom for a tag.
  if (set(fd, SOL_PACKET, PACKET_VERSION, static_cast<int>(TPACKET_V2)) &&
      set(fd, SOL_PACKET, PACKET_VNET_HDR, 1) && set(fd, SOL_PACKET, PACKET_RESERVE, 16u) &&
      set(fd, SOL_PACKET, PACKET_COPY_THRESH, 1) && set(fd, SOL_PACKET, PACKET_RX_RING, ring) &&
      bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0)
    return fd;
  const int error = errno;
  close(fd);
  errno = error;
  return -1;
}

/// The first member founds a group of a number of its own; the others join it.
bool join_fanout(int fd, int* group) {
  int flags = PACKET_FANOUT_HASH | PACKET_FANOUT_FLAG_IGNORE_OUTGOING;
  if (*group < 0) flags |= PACKET_FANOUT_FLAG_UNIQUEID;
  const int argument = (*group < 0 ? 0 : *group) | flags << 16;
  if (!set(fd, SOL_PACKET, PACKET_FANOUT, argument)) return false;
  if (*group >= 0) return true;
  int founded = 0;
  socklen_t length = sizeof founded;
  if (getsockopt(fd, SOL_PACKET, PACKET_FANOUT, &founded, &length) != 0) return false;
  *group = founded & 0xffff;
  return true;
}

uint64_t socket_cookie(int fd) {
  uint64_t cookie = 0;
  socklen_t length = sizeof cookie;
  getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length);
  return cookie;
}

uint32_t status_of(uint8_t* slot) {
  return __atomic_load_n(&reinterpret_cast<tpacket2_hdr*>(slot)->tp_status, __ATOMIC_ACQUIRE);
}

/// Puts the tag that the kernel took out back in: everything before it moves four bytes ahead.
void insert_tag(Frame& f) {
  uint8_t* from = f.data - kVnetBytes;
  memmove(from - kTagBytes, from, kVnetBytes + 12);
  f.data -= kTagBytes;
  f.length += kTagBytes;
  store_be16(f.data + 12, f.tag_tpid);
  store_be16(f.data + 14, f.tag_tci);
  VnetHdr* vnet = f.vnet();
  if (vnet->flags & VnetHdr::kNeedsChecksum)
    vnet->csum_start = static_cast<uint16_t>(vnet->csum_start + kTagBytes);
  if (vnet->gso_type) vnet->hdr_len = static_cast<uint16_t>(vnet->hdr_len + kTagBytes);
  f.tagged = false;
}

}  // namespace

int open_packet_sockets(const char* interface, unsigned slots, int* descriptors, unsigned count) {
  const int interface_index = static_cast<int>(if_nametoindex(interface));
  if (interface_index == 0) return ENODEV;
  int group = -1;
  for (unsigned i = 0; i < count; ++i) {
    descriptors[i] = open_socket(interface_index, slots);
    if (descriptors[i] >= 0 && join_fanout(descriptors[i], &group)) continue;
    const int error = errno;
    for (unsigned k = 0; k <= i; ++k)
      if (descriptors[k] >= 0) close(descriptors[k]);
    return error;
  }
  return 0;
}

AfPacketDevice::AfPacketDevice(int descriptor, const DeviceContext& context)
    : fd_(descriptor),
      interface_(context.interface),
      state_(*reinterpret_cast<State*>(context.state.bytes)),
      counters_(context.counters) {}

AfPacketDevice::~AfPacketDevice() {
  if (ring_) munmap(ring_, static_cast<size_t>(slots_) * kSlotBytes);
  close(fd_);
}

int AfPacketDevice::open(int descriptor, const DeviceContext& context, std::unique_ptr<Device>* out) {
  std::unique_ptr<AfPacketDevice> device(new AfPacketDevice(descriptor, context));
  if (const int error = device->map_ring()) return error;
  const uint64_t cookie = socket_cookie(descriptor);
  if (device->state_.cookie.exchange(cookie) != cookie) device->state_.next.store(0);
  device->next_ = device->state_.next.load();
  *out = std::move(device);
  return 0;
}

int AfPacketDevice::map_ring() {
  // The kernel does not tell the size of a ring, but it refuses to map any other.
  for (uint32_t slots = kBlockBytes / kSlotBytes; slots <= 1u << 20 && !ring_; slots *= 2) {
    void* memory =
        mmap(nullptr, static_cast<size_t>(slots) * kSlotBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
    if (memory == MAP_FAILED && errno != EINVAL) return errno;
    if (memory == MAP_FAILED) continue;
    ring_ = static_cast<uint8_t*>(memory);
    slots_ = slots;
  }
  if (!ring_) return EINVAL;
  long_ = std::make_unique<uint8_t[]>(kLongFrames * (kHeadroom + kLongBytes));
  return 0;
}

int AfPacketDevice::woken(short events, uint64_t now_ms) {
  readable_ = (events & POLLIN) != 0;
  woken_ms_ = now_ms;
  return events & (POLLERR | POLLHUP | POLLNVAL) ? check() : 0;
}

/// The socket's pending error, cleared. An interface that was down when it was deleted gives no sign of it.
int AfPacketDevice::check() {
  int error = 0;
  socklen_t length = sizeof error;
  if (getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &length) != 0) return errno;
  sockaddr_ll address{};
  length = sizeof address;
  if (getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length) != 0) return errno;
  return address.sll_ifindex > 0 ? 0 : ENODEV;  // -1: the interface was deleted
}

bool AfPacketDevice::is_full(uint32_t index) const {
  return status_of(slot(index)) & TP_STATUS_USER;
}

/// The socket was readable, the next slot is not full. Mostly that passes: two processors fill slots side by
/// side, and the later one is ready first. Where it lasts, a process that was killed between giving slots
/// back and storing the index has left it behind the kernel's: then the next full slot is looked for.
void AfPacketDevice::find_full_slot() {
  if (!empty_since_ms_) empty_since_ms_ = woken_ms_;
  // Too soon, and the frame that is skipped is read only after a whole turn of the ring.
  if (woken_ms_ - empty_since_ms_ < kFillingMs) return;
  for (uint32_t i = 0; i < slots_; ++i)
    if (is_full(next_ + i)) {
      next_ += i;
      return;
    }
}

unsigned AfPacketDevice::receive(Frame* frames) {
  if (readable_ && !is_full(next_)) find_full_slot();
  readable_ = false;
  unsigned count = 0;
  while (count < kBatch && lent_ < slots_ / 2 && long_used_ < kLongFrames) {
    uint8_t* base = slot(next_);
    const uint32_t status = status_of(base);
    if (!(status & TP_STATUS_USER)) break;
    ++next_;
    ++lent_;
    empty_since_ms_ = 0;
    const auto* header = reinterpret_cast<tpacket2_hdr*>(base);
    Frame& f = frames[count];
    f = {base + header->tp_mac, header->tp_len, interface_};
    if (header->tp_snaplen < header->tp_len) {
      if (!(status & TP_STATUS_COPY)) {
        counters_.add(Counter::k_drop_rx_truncated);
        continue;
      }
      f.data = receive_long(f.data, header->tp_len);
      if (!f.data) continue;
    }
    f.checksum_right = status & TP_STATUS_CSUM_VALID;
    f.vnet()->flags &= VnetHdr::kNeedsChecksum;  // the other bits are for the receiver and refused by send
    if (status & TP_STATUS_VLAN_VALID) {
      f.tagged = true;
      f.tag_tci = header->tp_vlan_tci;
      f.tag_tpid = (status & TP_STATUS_VLAN_TPID_VALID) ? header->tp_vlan_tpid : 0x8100;
    }
    ++count;
  }
  return count;
}

/// The whole of a frame whose first bytes are at `start`: from the socket's queue. After a crash the queue
/// and the ring may be out of step; frames that do not match are let go until they are in step again.
uint8_t* AfPacketDevice::receive_long(const uint8_t* start, uint32_t length) {
  constexpr uint32_t kCompared = 96;
  uint8_t* frame = long_.get() + long_used_ * (kHeadroom + kLongBytes) + kHeadroom;
  for (;;) {
    const ssize_t got = recv(fd_, frame - kVnetBytes, kVnetBytes + kLongBytes, MSG_DONTWAIT | MSG_TRUNC);
    if (got < 0) {
      counters_.add(Counter::k_drop_rx_unpaired);
      return nullptr;
    }
    if (got > static_cast<ssize_t>(kVnetBytes + kLongBytes)) {
      counters_.add(Counter::k_drop_rx_truncated);
      continue;
    }
    if (got == static_cast<ssize_t>(kVnetBytes + length) && memcmp(frame, start, kCompared) == 0) break;
    counters_.add(Counter::k_drop_rx_unpaired);
  }
  ++long_used_;
  return frame;
}

void AfPacketDevice::release() {
  for (uint32_t i = next_ - lent_; i != next_; ++i)
    __atomic_store_n(&reinterpret_cast<tpacket2_hdr*>(slot(i))->tp_status, TP_STATUS_KERNEL,
                     __ATOMIC_RELEASE);
  lent_ = 0;
  long_used_ = 0;
  state_.next.store(next_ % slots_, std::memory_order_relaxed);
}

void AfPacketDevice::send(Frame* const* frames, unsigned count) {
  mmsghdr messages[kBatch] = {};
  iovec vectors[kBatch];
  unsigned message_count = 0;
  for (unsigned i = 0; i < count; ++message_count) {
    if (frames[i]->tagged) insert_tag(*frames[i]);
    const auto [segments, headers] = coalesce(frames + i, count - i);
    messages[message_count].msg_hdr.msg_iov = &vectors[i];
    messages[message_count].msg_hdr.msg_iovlen = segments;
    vectors[i] = {frames[i]->data - kVnetBytes, frames[i]->length + kVnetBytes};
    for (const unsigned end = i++ + segments; i < end; ++i)
      vectors[i] = {frames[i]->data + headers, frames[i]->length - headers};
  }
  counters_.add(Counter::k_tx_coalesced, count - message_count);
  // Patience grows again at half the speed of time: whatever the sending side does, at least half of the time
  // is for the ring, which must not overflow behind us.
  const uint64_t grown = (boot_ms() - patience_at_ms_) / 2;
  patience_at_ms_ += 2 * grown;
  patience_ms_ = std::min(patience_ms_ + static_cast<int64_t>(grown), kSendWaitMs);
  for (unsigned sent = 0; sent < message_count;) sent += send_some(messages + sent, message_count - sent);
}

/// Sends or gives up at least one of `count` messages; returns how many are done with. Waits no
/// longer than patience lasts.
unsigned AfPacketDevice::send_some(mmsghdr* messages, unsigned count) {
  const int sent = sendmmsg(fd_, messages, count, MSG_DONTWAIT);
  if (sent > 0) return static_cast<unsigned>(sent);
  const int error = errno;
  if (error == EINTR) return 0;
  if (error != EAGAIN && error != ENOBUFS) {
    counters_.add(Counter::k_drop_tx_error, messages->msg_hdr.msg_iovlen);
    return 1;
  }
  if (patience_ms_ <= 0) {
    counters_.add(Counter::k_drop_tx_full, messages->msg_hdr.msg_iovlen);
    return 1;
  }
  counters_.add(Counter::k_tx_waits);
  const uint64_t before = boot_ms();
  pollfd writable = {fd_, POLLOUT, 0};
  // A full queueing discipline has no event to wait for; a full socket has.
  if (error == ENOBUFS)
    poll(nullptr, 0, 1);
  else
    poll(&writable, 1, static_cast<int>(patience_ms_));
  const auto waited = static_cast<int64_t>(boot_ms() - before);
  patience_ms_ -= waited > 0 ? waited : 1;
  return 0;
}

}  // namespace coscanet
