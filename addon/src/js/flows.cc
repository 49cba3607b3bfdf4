#include "js/flows.h"

#include <algorithm>
#include <vector>

#include "core/flow_import.h"
#include "core/ipv4.h"
#include "js/convert.h"

namespace coscanet {
namespace {

const char* state_text(FlowState state) {
  static const char* const kNames[] = {"syn", "established", "closing", "udp"};
  return kNames[static_cast<unsigned>(state)];
}

bool read_flow_import(const Napi::Value& value, const Limits& limits, FlowImport* out) {
  Napi::Object o;
  return read_object(value, "flow", &o) && read_flow(o, limits, &out->key, &out->endpoint) &&
         read_timeout(o.Get("timeout"), "flow timeout", &out->timeout);
}

}  // namespace

Napi::Object flow_object(Napi::Env env, const FlowTable::Record& r, uint32_t now) {
  Napi::Object o = Napi::Object::New(env);
  o.Set("protocol", protocol_text(r.key.protocol));
  o.Set("client", address_text(env, r.key.client));
  o.Set("clientPort", static_cast<double>(r.key.client_port));
  o.Set("vip", address_text(env, r.key.vip));
  o.Set("port", static_cast<double>(r.key.port));
  o.Set("state", state_text(r.flow.state));
  o.Set("endpointSlot", static_cast<double>(r.flow.endpoint.slot));
  o.Set("endpointGeneration", static_cast<double>(r.flow.endpoint.generation));
  o.Set("idleSeconds", static_cast<double>(now - r.seen));
  o.Set("expiresInSeconds", static_cast<double>(r.expires - now));
  return o;
}

bool read_flow(const Napi::Object& o, const Limits& limits, FlowKey* key, EndpointRef* endpoint) {
  uint32_t client_port, port, slot, generation;
  if (!read_protocol(o.Get("protocol"), &key->protocol) ||
      !read_address(o.Get("client"), "flow client", &key->client) ||
      !read_u32(o.Get("clientPort"), "flow clientPort", &client_port) ||
      !read_address(o.Get("vip"), "flow vip", &key->vip) || !read_u32(o.Get("port"), "flow port", &port) ||
      !read_u32(o.Get("endpointSlot"), "flow endpointSlot", &slot) ||
      !read_u32(o.Get("endpointGeneration"), "flow endpointGeneration", &generation))
    return false;
  if (client_port == 0 || client_port > 0xffff || port == 0 || port > 0xffff)
    return type_error(o.Env(), "flow: no such port");
  if (slot >= limits.endpoints || generation > 0xffff) return type_error(o.Env(), "flow: no such endpoint");
  key->client_port = static_cast<uint16_t>(client_port);
  key->port = static_cast<uint16_t>(port);
  *endpoint = {static_cast<uint16_t>(slot), static_cast<uint16_t>(generation)};
  return true;
}

Napi::Array flows_array(Napi::Env env, const Segment& segment, uint32_t now) {
  Napi::Array out = Napi::Array::New(env);
  uint32_t count = 0;
  segment.flow_table().for_each(
      now, [&](const FlowTable::Record& r) { out.Set(count++, flow_object(env, r, now)); });
  return out;
}

Napi::Value import_flows(const Napi::Value& flows, const Segment& segment, uint32_t now, Owner owner) {
  static const char* const kResults[] = {"made", "kept", "held", "full"};
  const Napi::Env env = flows.Env();
  Napi::Array list;
  if (!read_list(flows, "flows", &list)) return env.Undefined();
  std::vector<FlowImport> read(list.Length());
  for (uint32_t i = 0; i < list.Length(); ++i)
    if (!read_flow_import(list.Get(i), segment.header().limits, &read[i])) return env.Undefined();
  Napi::Array out = Napi::Array::New(env, read.size());
  for (uint32_t i = 0; i < read.size(); ++i)
    out.Set(i, kResults[static_cast<unsigned>(import_flow(segment, read[i], now, owner))]);
  return out;
}

Napi::Array expiring_array(Napi::Env env, const Segment& segment, uint32_t now, uint32_t seconds,
                           uint32_t limit, uint32_t* index) {
  const FlowTable flows = segment.flow_table();
  Napi::Array out = Napi::Array::New(env);
  FlowTable::Record record;
  uint32_t count = 0;
  for (uint32_t looks = std::min(kEntriesPerCall, flows.capacity()); looks && count < limit; --looks) {
    const bool live = flows.read(*index, now, &record);
    *index = (*index + 1) % flows.capacity();
    if (live && record.key.protocol == ipv4::kTcp && record.flow.state == FlowState::established &&
        record.expires - now <= seconds)
      out.Set(count++, flow_object(env, record, now));
  }
  return out;
}

Napi::Object new_flows_object(Napi::Env env, const Segment& segment) {
  Napi::Object out = Napi::Object::New(env);
  for (uint32_t slot = 0; slot < segment.header().limits.services; ++slot)
    if (const uint32_t count = segment.service(slot).new_flows.load(std::memory_order_relaxed))
      out.Set(slot, static_cast<double>(count));
  return out;
}

Napi::Object counters_object(Napi::Env env, const Segment& segment) {
  Napi::Object out = Napi::Object::New(env);
  for (unsigned c = 0; c < kCounters; ++c) {
    uint64_t sum = 0;
    for (unsigned f = 0; f < FlowTable::kForwarders; ++f)
      sum += Counters(segment.forwarder(f).counters).get(static_cast<Counter>(c));
    out.Set(counter_name(static_cast<Counter>(c)), static_cast<double>(sum));
  }
  return out;
}

}  // namespace coscanet
