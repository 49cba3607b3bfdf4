// test/support/memory-router.ts: a router in memory, with one forwarder and two memory devices, for packet
// tables, properties and replays. Time stands still unless the test moves it.
#include <memory>
#include <vector>

#include "device/forwarder.h"
#include "device/memory.h"
#include "init.h"
#include "js/conflict_reader.h"
#include "js/convert.h"
#include "js/flows.h"
#include "js/policy.h"
#include "js/silent_flows.h"

namespace coscanet {
namespace {

bool read_frame(const Napi::Value& value, MemoryDevice::Stored* out) {
  const Napi::Object o = value.As<Napi::Object>();
  const Napi::Buffer<uint8_t> bytes = o.Get("bytes").As<Napi::Buffer<uint8_t>>();
  out->bytes.assign(bytes.Data(), bytes.Data() + bytes.Length());
  if (o.Has("tag")) {
    const Napi::Object tag = o.Get("tag").As<Napi::Object>();
    uint32_t tpid, tci;
    if (!read_u32(tag.Get("tpid"), "tpid", &tpid) || !read_u32(tag.Get("tci"), "tci", &tci)) return false;
    out->tagged = true;
    out->tag_tpid = static_cast<uint16_t>(tpid);
    out->tag_tci = static_cast<uint16_t>(tci);
  }
  out->checksum_right = o.Get("checksumRight").ToBoolean();
  if (!o.Has("vnet")) return true;
  const Napi::Object v = o.Get("vnet").As<Napi::Object>();
  uint32_t flags, gso_type, hdr_len, gso_size, csum_start, csum_offset;
  if (!read_u32(v.Get("flags"), "flags", &flags) || !read_u32(v.Get("gsoType"), "gsoType", &gso_type) ||
      !read_u32(v.Get("hdrLen"), "hdrLen", &hdr_len) || !read_u32(v.Get("gsoSize"), "gsoSize", &gso_size) ||
      !read_u32(v.Get("csumStart"), "csumStart", &csum_start) ||
      !read_u32(v.Get("csumOffset"), "csumOffset", &csum_offset))
    return false;
  out->vnet = {static_cast<uint8_t>(flags),       static_cast<uint8_t>(gso_type),
               static_cast<uint16_t>(hdr_len),    static_cast<uint16_t>(gso_size),
               static_cast<uint16_t>(csum_start), static_cast<uint16_t>(csum_offset)};
  return true;
}

Napi::Object frame_object(Napi::Env env, uint8_t egress, const MemoryDevice::Stored& frame) {
  Napi::Object o = Napi::Object::New(env);
  o.Set("egress", static_cast<double>(egress));
  o.Set("bytes", Napi::Buffer<uint8_t>::Copy(env, frame.bytes.data(), frame.bytes.size()));
  if (frame.tagged) {
    Napi::Object tag = Napi::Object::New(env);
    tag.Set("tpid", static_cast<double>(frame.tag_tpid));
    tag.Set("tci", static_cast<double>(frame.tag_tci));
    o.Set("tag", tag);
  }
  Napi::Object vnet = Napi::Object::New(env);
  vnet.Set("flags", static_cast<double>(frame.vnet.flags));
  vnet.Set("gsoType", static_cast<double>(frame.vnet.gso_type));
  vnet.Set("hdrLen", static_cast<double>(frame.vnet.hdr_len));
  vnet.Set("gsoSize", static_cast<double>(frame.vnet.gso_size));
  vnet.Set("csumStart", static_cast<double>(frame.vnet.csum_start));
  vnet.Set("csumOffset", static_cast<double>(frame.vnet.csum_offset));
  o.Set("vnet", vnet);
  return o;
}

class MemoryRouter : public Napi::ObjectWrap<MemoryRouter> {
 public:
  static Napi::Function Class(Napi::Env env) {
    return DefineClass(env, "MemoryRouter",
                       {
                           InstanceMethod<&MemoryRouter::publish>("publish"),
                           InstanceMethod<&MemoryRouter::receive>("receive"),
                           InstanceMethod<&MemoryRouter::advance>("advance"),
                           InstanceMethod<&MemoryRouter::flows>("flows"),
                           InstanceMethod<&MemoryRouter::import_flows>("importFlows"),
                           InstanceMethod<&MemoryRouter::expiring>("expiring"),
                           InstanceMethod<&MemoryRouter::silent>("silent"),
                           InstanceMethod<&MemoryRouter::end_flows>("endFlows"),
                           InstanceMethod<&MemoryRouter::new_flows>("newFlows"),
                           InstanceMethod<&MemoryRouter::arp_conflicts>("arpConflicts"),
                           InstanceMethod<&MemoryRouter::counters>("counters"),
                       });
  }

  explicit MemoryRouter(const Napi::CallbackInfo& info) : Napi::ObjectWrap<MemoryRouter>(info) {
    Limits limits;
    limits.flows = 1024;
    limits.affinities = 1024;
    limits.registry_bytes = 64;
    if (!read_limits(info[0], &limits)) return;
    memory_.reset(new (std::align_val_t(4096)) uint8_t[contiguous_bytes(limits)]());
    Segment::format(reinterpret_cast<SegmentHeader*>(memory_.get()), limits,
                    {0x0706050403020100u, 0x0f0e0d0c0b0a0908u}, "memory");
    for (auto& generation : segment().header().owner_generations) generation.store(1);
    pipeline_ = std::make_unique<Pipeline>(segment(), 0);
  }

 private:
  struct AlignedDelete {
    void operator()(uint8_t* p) const { operator delete[](p, std::align_val_t(4096)); }
  };
  Segment segment() const { return Segment::contiguous(memory_.get()); }
  uint32_t now() const { return static_cast<uint32_t>(now_ms_ / 1000); }

  void publish(const Napi::CallbackInfo& info) {
    unsigned index;
    PolicyWriter writer(segment().free_snapshot(&index), segment().header().limits);
    if (write_policy(info[0], writer)) segment().activate(index);
  }

  /// receive(ingress, frames, coalesces): what was sent; coalesced on request.
  Napi::Value receive(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    uint32_t ingress;
    if (!read_u32(info[0], "ingress", &ingress)) return env.Undefined();
    const Napi::Array frames = info[1].As<Napi::Array>();
    const bool coalesces = info[2].ToBoolean();
    MemoryDevice devices[kInterfaces] = {MemoryDevice(0, coalesces), MemoryDevice(1, coalesces),
                                         MemoryDevice(2, coalesces)};
    Device* ports[kInterfaces] = {&devices[0], &devices[1], &devices[2]};
    MemoryDevice& in = devices[ingress % kInterfaces];
    for (uint32_t i = 0; i < frames.Length(); ++i) {
      MemoryDevice::Stored frame;
      if (!read_frame(frames.Get(i), &frame)) return env.Undefined();
      in.put(std::move(frame));
    }
    while (forward_batch(*pipeline_, now_ms_, in, ports, kInterfaces)) continue;
    pipeline_->end();
    Napi::Array out = Napi::Array::New(env);
    uint32_t count = 0;
    for (uint8_t d = 0; d < kInterfaces; ++d)
      for (const auto& frame : devices[d].take()) out.Set(count++, frame_object(env, d, frame));
    return out;
  }

  void advance(const Napi::CallbackInfo& info) {
    uint32_t ms;
    if (read_u32(info[0], "milliseconds", &ms)) now_ms_ += ms;
  }

  Napi::Value flows(const Napi::CallbackInfo& info) { return flows_array(info.Env(), segment(), now()); }
  Napi::Value import_flows(const Napi::CallbackInfo& info) {
    return coscanet::import_flows(info[0], segment(), now(), {FlowTable::kSupervisor, 1});
  }
  Napi::Value expiring(const Napi::CallbackInfo& info) {
    uint32_t seconds, limit;
    if (!read_u32(info[0], "seconds", &seconds) || !read_u32(info[1], "limit", &limit))
      return info.Env().Undefined();
    return expiring_array(info.Env(), segment(), now(), seconds, limit, &next_index_);
  }
  Napi::Value silent(const Napi::CallbackInfo& info) {
    return silent_flows(info, segment(), now(), &silent_cursor_);
  }
  Napi::Value end_flows(const Napi::CallbackInfo& info) {
    return coscanet::end_flows(info, segment(), now());
  }
  Napi::Value new_flows(const Napi::CallbackInfo& info) { return new_flows_object(info.Env(), segment()); }
  Napi::Value arp_conflicts(const Napi::CallbackInfo& info) {
    return conflicts_.array(info.Env(), segment());
  }

  Napi::Value counters(const Napi::CallbackInfo& info) { return counters_object(info.Env(), segment()); }

  std::unique_ptr<uint8_t[], AlignedDelete> memory_;
  ConflictReader conflicts_;
  std::unique_ptr<Pipeline> pipeline_;
  uint64_t now_ms_ = 1'000'000;
  uint32_t next_index_ = 0;
  SilentFlowsCursor silent_cursor_;
};

}  // namespace

void InitMemoryRouter(Napi::Env env, Napi::Object exports) {
  exports.Set("MemoryRouter", MemoryRouter::Class(env));
}

}  // namespace coscanet
