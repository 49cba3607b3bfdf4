#pragma once
// A policy of TypeScript (addon/router.ts) into a snapshot.
#include <napi.h>

#include "core/segment.h"

namespace coscanet {

/// Fills `out`; false with a pending JavaScript exception if a value is of the wrong kind or does not fit.
bool read_policy(const Napi::Object& policy, const Limits& limits, uint8_t* snapshot);
bool read_limits(const Napi::Value& value, Limits* out);

}  // namespace coscanet
