#pragma once
// A policy of TypeScript (addon/router.ts) into a snapshot; and what both the router's and the tests' façade
// show of flows and counters.
#include <napi.h>

#include "core/segment.h"

namespace coscanet {

/// Fills `out`; false with a pending JavaScript exception if a value is of the wrong kind or does not fit.
bool read_policy(const Napi::Object& policy, const Limits& limits, uint8_t* snapshot);
bool read_limits(const Napi::Value& value, Limits* out);

Napi::Array flows_array(Napi::Env env, const Segment& segment, uint32_t now);
Napi::Object counters_object(Napi::Env env, const Segment& segment);
const char* state_text(FlowState state);

}  // namespace coscanet
