#pragma once
// TCP flows without packets, whose nodes know whether they live, and the end of those that do not.
#include <napi.h>

#include "core/segment.h"

namespace coscanet {

/// Where the next call of silent_flows() continues.
struct SilentFlowsCursor {
  uint32_t all = 0;
  uint32_t of_endpoints = 0;
};

/// Segment.silent(seconds, limit, slots): established flows among the next kEntriesPerCall entries; with
/// `slots` established and closing ones of these endpoints in the whole table.
Napi::Value silent_flows(const Napi::CallbackInfo& info, const Segment& segment, uint32_t now,
                         SilentFlowsCursor* cursor);

/// Segment.endFlows(flows).
Napi::Value end_flows(const Napi::CallbackInfo& info, const Segment& segment, uint32_t now);

}  // namespace coscanet
