#pragma once
// A packet port: batches of frames in, batches of frames out. It owns what it is made of (descriptor, ring),
// and the loop that drives it (forwarder.h) knows no more of it than this. Devices do not know each other.
#include <functional>
#include <memory>

#include "core/counters.h"
#include "core/frame.h"
#include "core/segment.h"

namespace coscanet {

class Device {
 public:
  virtual ~Device() = default;

  /// Up to kBatch frames that wait; 0 when none does. They stay valid, in the device's memory and writable
  /// (with kHeadroom before them), until release().
  virtual unsigned receive(Frame* frames) = 0;

  /// Gives the frames of the last receive() back. From here on they are done with: who takes over after a
  /// crash goes on with the next.
  virtual void release() = 0;

  /// Sends frames (of any device), in order. Waits a bounded time when the way is full; what then does not
  /// fit is dropped and counted, as is what the device refuses. Frames with a tag get it back; their memory
  /// may be changed.
  virtual void send(Frame* const* frames, unsigned count) = 0;

  /// Readable (poll(2)) when frames may wait, and all that another process needs to go on where this one
  /// stopped; -1: none. It stays the device's.
  virtual int descriptor() const = 0;

  /// Whether frames wait of which the descriptor does not tell: then nobody must sleep.
  virtual bool has_frames() const = 0;

  /// What came of a wait, at that time (boot clock): the descriptor's poll(2) events. 0, or the errno for
  /// which the device cannot go on.
  virtual int woken(short events, uint64_t now_ms) = 0;

  /// The same, asked without a sign of it: 0 also while the interface is only down.
  virtual int check() = 0;
};

/// What a device is given by the forwarder that it serves.
struct DeviceContext {
  /// Index of the interface in the policy: its frames come in by it.
  uint8_t interface;
  /// Zero, or what the last device in its stead left there, which may have been another.
  DeviceState& state;
  Counters& counters;
};

/// Makes the device of one interface. 0, or an errno.
using DeviceFactory = std::function<int(const DeviceContext& context, std::unique_ptr<Device>* out)>;

/// Sleeps until a device may have frames, at most `timeout_ms`, and tells all of them what came of it. 0, or
/// the errno for which one cannot go on. `count`: at most kInterfaces.
int wait_for_frames(Device* const* devices, unsigned count, int timeout_ms);

}  // namespace coscanet
