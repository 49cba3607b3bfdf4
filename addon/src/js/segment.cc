// addon/router.ts: Segment.
#include <map>

#include "host/clock.h"
#include "host/segment_file.h"
#include "js/conflict_reader.h"
#include "js/convert.h"
#include "js/flows.h"
#include "js/init.h"
#include "js/policy.h"
#include "js/silent_flows.h"

namespace coscanet {
namespace {

uint32_t boot_seconds() {
  return static_cast<uint32_t>(boot_ms() / 1000);
}

class JsSegment : public Napi::ObjectWrap<JsSegment> {
 public:
  static Napi::Function Class(Napi::Env env) {
    return DefineClass(env, "Segment",
                       {
                           InstanceAccessor<&JsSegment::descriptor>("descriptor"),
                           InstanceAccessor<&JsSegment::adopted>("adopted"),
                           InstanceAccessor<&JsSegment::limits>("limits"),
                           InstanceAccessor<&JsSegment::generation>("generation"),
                           InstanceMethod<&JsSegment::publish>("publish"),
                           InstanceMethod<&JsSegment::registry>("registry"),
                           InstanceMethod<&JsSegment::flows>("flows"),
                           InstanceMethod<&JsSegment::flows_per_endpoint>("flowsPerEndpoint"),
                           InstanceMethod<&JsSegment::import_flows>("importFlows"),
                           InstanceMethod<&JsSegment::expiring>("expiring"),
                           InstanceMethod<&JsSegment::silent>("silent"),
                           InstanceMethod<&JsSegment::end_flows>("endFlows"),
                           InstanceMethod<&JsSegment::new_flows>("newFlows"),
                           InstanceMethod<&JsSegment::arp_conflicts>("arpConflicts"),
                           InstanceMethod<&JsSegment::counters>("counters"),
                           InstanceMethod<&JsSegment::forwarders>("forwarders"),
                           InstanceMethod<&JsSegment::clear_forwarder>("clearForwarder"),
                           InstanceMethod<&JsSegment::close>("close"),
                       });
  }

  explicit JsSegment(const Napi::CallbackInfo& info) : Napi::ObjectWrap<JsSegment>(info) {
    std::string path;
    Limits limits;
    if (!read_string(info[0], "path", &path) || !read_limits(info[1], &limits)) return;
    if (const int error = open_segment_file(path.c_str(), limits, &file_)) {
      throw_system(info.Env(), error, "segment " + path);
      return;
    }
    // A new start: what a supervisor that died had claimed in the flow table is free again.
    owner_.generation = segment().header().owner_generations[owner_.slot].fetch_add(1) + 1;
    conflicts_.for_each(segment(), [](const ArpConflict&) {});  // those of another time
  }
  ~JsSegment() { close_segment(&file_); }

 private:
  /// The mapped segment; a pending exception and false after close().
  bool open(Napi::Env env) const { return file_.memory || type_error(env, "the segment is closed"); }
  Segment segment() const { return Segment::contiguous(file_.memory); }
  Policy active() const { return Policy(segment().active_snapshot(), segment().header().limits); }

  Napi::Value descriptor(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), file_.descriptor);
  }
  Napi::Value adopted(const Napi::CallbackInfo& info) {
    return Napi::Boolean::New(info.Env(), file_.adopted);
  }

  Napi::Value limits(const Napi::CallbackInfo& info) {
    Napi::Object out = Napi::Object::New(info.Env());
    if (!open(info.Env())) return out;
    const coscanet_limits& l = segment().header().limits;
#define X(field, name, otherwise) out.Set(name, static_cast<double>(l.field));
    COSCANET_LIMITS(X)
#undef X
    return out;
  }

  Napi::Value generation(const Napi::CallbackInfo& info) {
    if (!open(info.Env())) return info.Env().Undefined();
    return Napi::Number::New(info.Env(),
                             segment().active_snapshot() ? active().header().generation.load() : 0);
  }

  Napi::Value publish(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    if (!open(env)) return env.Undefined();
    if (!info[0].IsObject() || !info[1].IsTypedArray()) {
      type_error(env, "publish(policy, registry)");
      return env.Undefined();
    }
    const Segment s = segment();
    unsigned index = 0;
    PolicyWriter writer(s.free_snapshot(&index), s.header().limits);
    if (!write_policy(info[0], writer)) return env.Undefined();
    const Napi::Uint8Array blob = info[1].As<Napi::Uint8Array>();
    if (!writer.set_registry(blob.Data(), static_cast<uint32_t>(blob.ByteLength()))) {
      type_error(env, "the registry is too large for the segment");
      return env.Undefined();
    }
    const uint32_t before = s.active_snapshot() ? active().header().generation.load() : 0;
    writer.set_generation(before + 1);
    s.activate(index);
    return Napi::Number::New(env, before + 1);
  }

  Napi::Value registry(const Napi::CallbackInfo& info) {
    if (!open(info.Env()) || !segment().active_snapshot()) return info.Env().Null();
    const Policy policy = active();
    return Napi::Buffer<uint8_t>::Copy(info.Env(), policy.registry(), policy.header().registry_length);
  }

  Napi::Value flows(const Napi::CallbackInfo& info) {
    if (!open(info.Env())) return info.Env().Undefined();
    return flows_array(info.Env(), segment(), boot_seconds());
  }

  Napi::Value flows_per_endpoint(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    Napi::Object out = Napi::Object::New(env);
    if (!open(env)) return out;
    uint32_t quiet = UINT32_MAX;
    if (info.Length() > 0 && !info[0].IsUndefined() && !read_u32(info[0], "quietSeconds", &quiet)) return out;
    std::map<std::pair<unsigned, unsigned>, uint32_t> counts;
    const uint32_t now = boot_seconds();
    segment().flow_table().for_each(now, [&](const FlowTable::Record& r) {
      const bool connected = r.flow.state == FlowState::established || r.flow.state == FlowState::udp;
      if (!connected && now - r.seen >= quiet) return;
      ++counts[{r.flow.endpoint.slot, r.flow.endpoint.generation}];
    });
    for (const auto& [endpoint, count] : counts)
      out.Set(std::to_string(endpoint.first) + ":" + std::to_string(endpoint.second),
              static_cast<double>(count));
    return out;
  }

  Napi::Value import_flows(const Napi::CallbackInfo& info) {
    if (!open(info.Env())) return info.Env().Undefined();
    return coscanet::import_flows(info[0], segment(), boot_seconds(), owner_);
  }

  Napi::Value expiring(const Napi::CallbackInfo& info) {
    uint32_t seconds, limit;
    if (!open(info.Env()) || !read_u32(info[0], "seconds", &seconds) || !read_u32(info[1], "limit", &limit))
      return info.Env().Undefined();
    return expiring_array(info.Env(), segment(), boot_seconds(), seconds, limit, &next_index_);
  }

  Napi::Value silent(const Napi::CallbackInfo& info) {
    if (!open(info.Env())) return info.Env().Undefined();
    return silent_flows(info, segment(), boot_seconds(), &silent_cursor_);
  }

  Napi::Value end_flows(const Napi::CallbackInfo& info) {
    if (!open(info.Env())) return info.Env().Undefined();
    return coscanet::end_flows(info, segment(), boot_seconds());
  }

  Napi::Value new_flows(const Napi::CallbackInfo& info) {
    if (!open(info.Env())) return info.Env().Undefined();
    return new_flows_object(info.Env(), segment());
  }

  Napi::Value arp_conflicts(const Napi::CallbackInfo& info) {
    if (!open(info.Env())) return info.Env().Undefined();
    return conflicts_.array(info.Env(), segment());
  }

  Napi::Value counters(const Napi::CallbackInfo& info) {
    if (!open(info.Env())) return info.Env().Undefined();
    return counters_object(info.Env(), segment());
  }

  Napi::Value forwarders(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    if (!open(env)) return env.Undefined();
    Napi::Array out = Napi::Array::New(env);
    const uint64_t now = boot_ms();
    for (unsigned i = 0, count = 0; i < segment().header().limits.forwarders; ++i) {
      const ForwarderSlot& slot = segment().forwarder(i);
      Napi::Object o = Napi::Object::New(env);
      o.Set("index", static_cast<double>(i));
      o.Set("pid", static_cast<double>(slot.pid.load()));
      o.Set("startTime", static_cast<double>(slot.start_time.load()));
      const uint64_t heartbeat = slot.heartbeat_ms.load();
      o.Set("heartbeatAgeMs", static_cast<double>(now > heartbeat ? now - heartbeat : 0));
      Napi::Array descriptors = Napi::Array::New(env);
      for (unsigned d = 0; d < kInterfaces && slot.descriptors[d].load() > 0; ++d)
        descriptors.Set(d, static_cast<double>(slot.descriptors[d].load()));
      o.Set("descriptors", descriptors);
      out.Set(count++, o);
    }
    return out;
  }

  void clear_forwarder(const Napi::CallbackInfo& info) {
    uint32_t index;
    if (!open(info.Env()) || !read_u32(info[0], "index", &index)) return;
    if (index >= segment().header().limits.forwarders) {
      type_error(info.Env(), "no such forwarder");
      return;
    }
    ForwarderSlot& slot = segment().forwarder(index);
    slot.pid.store(0);
    slot.start_time.store(0);
    for (auto& descriptor : slot.descriptors) descriptor.store(-1);
    segment().unpin_snapshot(index);
  }

  void close(const Napi::CallbackInfo&) {
    close_segment(&file_);
  }

  MappedSegment file_;
  Owner owner_{FlowTable::kSupervisor, 0};
  ConflictReader conflicts_;
  uint32_t next_index_ = 0;  // of the flow table: where expiring() continues
  SilentFlowsCursor silent_cursor_;
};

}  // namespace

void InitSegment(Napi::Env env, Napi::Object exports) {
  auto* constructor = new Napi::FunctionReference(Napi::Persistent(JsSegment::Class(env)));
  env.AddCleanupHook([constructor] { delete constructor; });
  exports.Set("openSegment",
              Napi::Function::New(env, [constructor](const Napi::CallbackInfo& info) -> Napi::Value {
                return constructor->New({info[0], info[1]});
              }));
}

}  // namespace coscanet
