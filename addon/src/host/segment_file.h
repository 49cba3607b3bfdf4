#pragma once
// The segment as a file: /run/coscanet/segment, mapped shared by supervisor and forwarders.
#include "core/segment.h"

namespace coscanet {

struct MappedSegment {
  int descriptor = -1;
  uint8_t* memory = nullptr;
  uint64_t length = 0;
  bool adopted = false;
};

/// Opens or makes the file. Adopts it if it is a segment of these limits and of this boot; else it is
/// replaced. 0, or an errno.
int open_segment_file(const char* path, const Limits& limits, MappedSegment* out);

/// Maps an inherited descriptor; EINVAL if it is no segment of ours.
int map_segment(int descriptor, MappedSegment* out);

void close_segment(MappedSegment* segment);

}  // namespace coscanet
