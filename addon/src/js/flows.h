#pragma once
// What both the router's and the tests' façade show of flows and counters, and how they take flows.
#include <napi.h>

#include "core/segment.h"

namespace coscanet {

// `now`: seconds of the boot clock.
Napi::Object flow_object(Napi::Env env, const FlowTable::Record& record, uint32_t now);
/// Client, VIP and endpoint of a flow; a pending exception and false if they are not as addon/router.ts has
/// them.
bool read_flow(const Napi::Object& flow, const Limits& limits, FlowKey* key, EndpointRef* endpoint);
/// How many entries of the table a call reads, so that it takes no more than a few milliseconds.
constexpr uint32_t kEntriesPerCall = 1u << 16;

Napi::Array flows_array(Napi::Env env, const Segment& segment, uint32_t now);
/// Segment.importFlows: results in the order of `flows`; undefined with a pending JavaScript exception, and
/// nothing written, if one is not as addon/router.ts has it.
Napi::Value import_flows(const Napi::Value& flows, const Segment& segment, uint32_t now, Owner owner);
/// Segment.expiring: reads so many entries that a call takes no more than a few milliseconds, from `*index`
/// on, which it moves.
Napi::Array expiring_array(Napi::Env env, const Segment& segment, uint32_t now, uint32_t seconds,
                           uint32_t limit, uint32_t* index);
Napi::Object new_flows_object(Napi::Env env, const Segment& segment);
Napi::Object counters_object(Napi::Env env, const Segment& segment);

}  // namespace coscanet
