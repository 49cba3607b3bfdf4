#pragma once
// Coalescing: segments of one TCP connection that follow one another in a batch leave as one frame, which the
// kernel or the card cuts into the very same segments again (GSO). Queueing discipline, bridge and driver
// then see one frame in place of up to 8. Nothing waits for further segments.
//
//   ┌─────────┬───────────┐ ┌─────────┬───────────┐ ┌─────────┬────────┐
//   │ headers │ payload 1 │ │ headers │ payload 2 │ │ headers │ p. 3   │
//   └─────────┴───────────┘ └─────────┴───────────┘ └─────────┴────────┘
//   ┌─────────┬───────────┬───────────┬────────┐
//   │ headers │ payload 1 │ payload 2 │ p. 3   │  VnetHdr: TCPv4, gso_size = bytes of payload 1
//   └─────────┴───────────┴───────────┴────────┘
#include "core/frame.h"

namespace coscanet {

struct Coalesced {
  unsigned segments;
  /// Each frame begins with so many bytes of headers; what is behind them is payload.
  uint32_t headers;
};

/// Makes one frame of `frames`, of as many as can be (at least one), from the first on: its headers become
/// those of the whole. They are segments in order, of equal length but for the last, whose headers differ in
/// nothing that cutting would not bring back, and whose checksums are unfinished or known to be right (a
/// wrong one must not be made right). A single frame stays as it is.
Coalesced coalesce(Frame* const* frames, unsigned count);

}  // namespace coscanet
