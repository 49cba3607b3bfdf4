#pragma once
// A packet port: batches of frames in, batches of frames out. Devices do not know each other.
#include "core/frame.h"

namespace coscanet {

class Device {
 public:
  virtual ~Device() = default;

  /// Up to kBatch frames that wait; 0 when none does. They stay valid, in the device's memory and writable
  /// (with kHeadroom before them), until release().
  virtual unsigned receive(Frame* frames) = 0;

  /// Gives the frames of the last receive() back.
  virtual void release() = 0;

  /// Sends frames (of any device), in order. Waits a bounded time when the way is full; what then does not
  /// fit is dropped and counted. Frames with a tag get it back; their memory may be changed.
  virtual void send(Frame* const* frames, unsigned count) = 0;
};

}  // namespace coscanet
