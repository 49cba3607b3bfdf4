#pragma once
// AF_PACKET: a TPACKET_V2 receive ring in memory that the kernel fills, and sendmmsg straight out of its
// slots.
//
//   socket ──► ring of 2 KiB slots ──► frames ──► sendmmsg on the other side's socket
//        └───► receive queue: frames longer than a slot, whole (PACKET_COPY_THRESH)
//
// Both directions carry the virtio_net_hdr, so that 64 kB frames with unfinished checksums pass as they are.
// The index of the next slot outlives the process (DeviceState): a new one goes on where a killed one
// stopped. There is no transmit ring, which could not (a kill between filling a slot and counting it stalls
// or repeats frames).
#include <sys/socket.h>

#include <atomic>
#include <memory>

#include "device/device.h"

namespace coscanet {

constexpr unsigned kSlotBytes = 2048;
constexpr unsigned kDefaultSlots = 4096;

/// Opens `count` sockets on one interface in one fan-out group, ready to receive: kernel flow hash, our own
/// frames not looped back. 0, or an errno; nothing stays open on failure.
int open_packet_sockets(const char* interface, unsigned slots, int* descriptors, unsigned count);

class AfPacketDevice : public Device {
 public:
  /// Maps the ring of `descriptor`, one of open_packet_sockets. It becomes the device's, also when this
  /// fails. 0, or an errno.
  static int open(int descriptor, const DeviceContext& context, std::unique_ptr<Device>* out);
  ~AfPacketDevice() override;

  unsigned receive(Frame* frames) override;
  void release() override;
  void send(Frame* const* frames, unsigned count) override;
  int descriptor() const override { return fd_; }
  bool has_frames() const override { return false; }
  int woken(short events, uint64_t now_ms) override;
  int check() override;

 private:
  static constexpr unsigned kLongFrames = 16;           // at most so many in a batch
  static constexpr unsigned kLongBytes = 65536 + 1024;  // the longest frame of an interface without BIG TCP

  /// Where the next frame is, for a process that goes on after this one.
  struct State {
    std::atomic<uint64_t> cookie;  // SO_COOKIE of the socket that `next` belongs to
    std::atomic<uint32_t> next;
  };
  static_assert(sizeof(State) <= sizeof(DeviceState) && alignof(State) <= alignof(DeviceState));

  AfPacketDevice(int descriptor, const DeviceContext& context);
  int map_ring();
  bool is_full(uint32_t index) const;
  void find_full_slot();
  uint8_t* slot(uint32_t index) const { return ring_ + static_cast<uint64_t>(index % slots_) * kSlotBytes; }
  uint8_t* receive_long(const uint8_t* start, uint32_t length);
  unsigned send_some(mmsghdr* messages, unsigned count);

  int fd_;
  uint8_t interface_;
  State& state_;
  Counters& counters_;
  uint8_t* ring_ = nullptr;
  uint32_t slots_ = 0;
  uint32_t next_ = 0;            // next slot to read
  uint32_t lent_ = 0;            // slots before next_ that frames still point into
  bool readable_ = false;        // by the last wait, and not looked at since
  uint64_t woken_ms_ = 0;        // when that was
  uint64_t empty_since_ms_ = 0;  // the socket is readable, the next slot not full; 0: it is not so
  int64_t patience_ms_ = 0;      // how much longer send() may wait
  uint64_t patience_at_ms_ = 0;
  std::unique_ptr<uint8_t[]> long_;
  unsigned long_used_ = 0;
};

}  // namespace coscanet
