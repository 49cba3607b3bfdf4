#pragma once
// A policy of TypeScript (addon/router.ts) into a snapshot.
#include <napi.h>

#include "core/policy_writer.h"

namespace coscanet {

/// False with a pending JavaScript exception if a value is of the wrong kind or does not fit.
bool write_policy(const Napi::Value& value, PolicyWriter& out);
bool read_limits(const Napi::Value& value, Limits* out);

}  // namespace coscanet
