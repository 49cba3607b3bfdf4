#include "js/silent_flows.h"

#include <algorithm>
#include <vector>

#include "core/ipv4.h"
#include "js/convert.h"
#include "js/flows.h"

namespace coscanet {
namespace {

struct Query {
  uint32_t seconds = 0;
  uint32_t limit = 0;
  bool of_endpoints = false;
  std::vector<bool> slots;

  bool takes(const FlowTable::Record& record, uint32_t now) const {
    if (record.key.protocol != ipv4::kTcp || now - record.seen < seconds) return false;
    if (record.flow.state == FlowState::established) return !of_endpoints || slots[record.flow.endpoint.slot];
    return record.flow.state == FlowState::closing && of_endpoints && slots[record.flow.endpoint.slot];
  }
};

bool read_query(const Napi::CallbackInfo& info, const Limits& limits, Query* out) {
  if (!read_u32(info[0], "seconds", &out->seconds) || !read_u32(info[1], "limit", &out->limit)) return false;
  out->of_endpoints = info.Length() > 2 && !info[2].IsUndefined();
  if (!out->of_endpoints) return true;
  Napi::Array list;
  if (!read_list(info[2], "slots", &list)) return false;
  out->slots.resize(1u << 16);
  for (uint32_t i = 0; i < list.Length(); ++i) {
    uint32_t slot;
    if (!read_u32(list.Get(i), "slot", &slot)) return false;
    if (slot >= limits.endpoints) return type_error(info.Env(), "no such endpoint");
    out->slots[slot] = true;
  }
  return true;
}

struct EndedFlow {
  FlowKey key;
  EndpointRef endpoint;
  uint32_t seen;
};

bool read_ended(const Napi::Value& value, const Limits& limits, EndedFlow* out) {
  Napi::Object o;
  return read_object(value, "flow", &o) && read_flow(o, limits, &out->key, &out->endpoint) &&
         read_u32(o.Get("seen"), "flow seen", &out->seen);
}

}  // namespace

Napi::Value silent_flows(const Napi::CallbackInfo& info, const Segment& segment, uint32_t now,
                         SilentFlowsCursor* cursor) {
  const Napi::Env env = info.Env();
  Query query;
  if (!read_query(info, segment.header().limits, &query)) return env.Undefined();
  const FlowTable flows = segment.flow_table();
  uint32_t& index = query.of_endpoints ? cursor->of_endpoints : cursor->all;
  uint32_t looks = query.of_endpoints ? flows.capacity() : std::min(kEntriesPerCall, flows.capacity());
  Napi::Array out = Napi::Array::New(env);
  FlowTable::Record record;
  for (uint32_t count = 0; looks && count < query.limit; --looks) {
    const bool live = flows.read(index, now, &record);
    index = (index + 1) % flows.capacity();
    if (!live || !query.takes(record, now)) continue;
    Napi::Object flow = flow_object(env, record, now);
    flow.Set("seen", static_cast<double>(record.seen));
    out.Set(count++, flow);
  }
  return out;
}

Napi::Value end_flows(const Napi::CallbackInfo& info, const Segment& segment, uint32_t now) {
  const Napi::Env env = info.Env();
  Napi::Array list;
  if (!read_list(info[0], "flows", &list)) return env.Undefined();
  std::vector<EndedFlow> read(list.Length());
  for (uint32_t i = 0; i < list.Length(); ++i)
    if (!read_ended(list.Get(i), segment.header().limits, &read[i])) return env.Undefined();
  const FlowTable flows = segment.flow_table();
  uint32_t ended = 0;
  for (const EndedFlow& one : read) {
    const FlowTable::Ref flow = flows.find(one.key, flows.hash(one.key), now);
    ended += flow && flow.flow.endpoint == one.endpoint && flows.end(flow, one.seen, now);
  }
  return Napi::Number::New(env, ended);
}

}  // namespace coscanet
