// addon/router.ts: arpProbe, arpAnnounce, tcpProbe. Those that wait run on libuv's pool.
#include "device/probe.h"

#include <vector>

#include "device/tcp_probe.h"
#include "js/convert.h"
#include "js/init.h"

namespace coscanet {
namespace {

/// Runs `work` off the loop, then settles a promise: rejected with its errno, or resolved with `result(env)`.
template <typename Work, typename Result>
class Task : public Napi::AsyncWorker {
 public:
  Task(Napi::Env env, const char* what, Work work, Result result)
      : Napi::AsyncWorker(env),
        deferred_(Napi::Promise::Deferred::New(env)),
        what_(what),
        work_(work),
        result_(result) {}

  Napi::Promise start() {
    Queue();
    return deferred_.Promise();
  }

 private:
  void Execute() override { error_ = work_(); }
  void OnOK() override {
    if (error_)
      deferred_.Reject(system_error(Env(), error_, what_).Value());
    else
      deferred_.Resolve(result_(Env()));
  }

  Napi::Promise::Deferred deferred_;
  const char* what_;
  Work work_;
  Result result_;
  int error_ = 0;
};

template <typename Work, typename Result>
Napi::Value run(Napi::Env env, const char* what, Work work, Result result) {
  return (new Task<Work, Result>(env, what, work, result))->start();  // frees itself
}

Napi::Value ArpProbe(const Napi::CallbackInfo& info) {
  struct Call {
    std::string interface;
    uint8_t address[4];
    uint32_t count, interval;
    bool used = false;
    Mac by{};
  };
  auto call = std::make_shared<Call>();
  if (!read_string(info[0], "interface", &call->interface) || !read_v4(info[1], "address", call->address) ||
      !read_u32(info[2], "count", &call->count) || !read_u32(info[3], "intervalMs", &call->interval))
    return info.Env().Undefined();
  return run(
      info.Env(), "ARP probe",
      [call] {
        return arp_probe(call->interface.c_str(), call->address, call->count, call->interval, &call->used,
                         &call->by);
      },
      [call](Napi::Env env) -> Napi::Value {
        if (!call->used) return env.Null();
        return mac_text(env, call->by);
      });
}

void ArpAnnounce(const Napi::CallbackInfo& info) {
  std::string interface;
  uint8_t address[4];
  if (!read_string(info[0], "interface", &interface) || !read_v4(info[1], "address", address)) return;
  if (const int error = arp_announce(interface.c_str(), address))
    throw_system(info.Env(), error, "ARP announcement on " + interface);
}

bool read_target(const Napi::Value& value, TcpProbe* out) {
  Napi::Object o;
  uint32_t port;
  if (!read_object(value, "target", &o) || !read_mac(o.Get("mac"), "mac", &out->mac) ||
      !read_v4(o.Get("address"), "address", out->address) || !read_u32(o.Get("port"), "port", &port))
    return false;
  out->port = static_cast<uint16_t>(port);
  return port <= 0xffff || type_error(value.Env(), "no such port");
}

Napi::Value TcpProbeCall(const Napi::CallbackInfo& info) {
  struct Call {
    std::string out, in;
    ProbeWay way;
    std::vector<TcpProbe> targets;
  };
  const Napi::Env env = info.Env();
  auto call = std::make_shared<Call>();
  Napi::Object o;
  Napi::Array targets;
  if (!read_object(info[0], "probe", &o) || !read_string(o.Get("out"), "out", &call->out) ||
      !read_string(o.Get("in"), "in", &call->in) || !read_v4(o.Get("source"), "source", call->way.source) ||
      !read_u32(o.Get("timeoutMs"), "timeoutMs", &call->way.timeout_ms) ||
      !read_list(o.Get("targets"), "targets", &targets))
    return env.Undefined();
  if (targets.Length() > kMaxProbes) {
    type_error(env, "too many targets");
    return env.Undefined();
  }
  call->targets.resize(targets.Length());
  for (uint32_t i = 0; i < targets.Length(); ++i)
    if (!read_target(targets.Get(i), &call->targets[i])) return env.Undefined();
  call->way.out = call->out.c_str();
  call->way.in = call->in.c_str();
  return run(
      env, "TCP probe", [call] { return tcp_probe(call->way, call->targets.data(), call->targets.size()); },
      [call](Napi::Env current) -> Napi::Value {
        static const char* const kNames[] = {"open", "refused", "silent"};
        Napi::Array results = Napi::Array::New(current, call->targets.size());
        for (uint32_t i = 0; i < call->targets.size(); ++i)
          results.Set(i, kNames[static_cast<unsigned>(call->targets[i].result)]);
        return results;
      });
}

}  // namespace

void InitProbe(Napi::Env env, Napi::Object exports) {
  exports.Set("arpProbe", Napi::Function::New(env, ArpProbe));
  exports.Set("arpAnnounce", Napi::Function::New(env, ArpAnnounce));
  exports.Set("tcpProbe", Napi::Function::New(env, TcpProbeCall));
}

}  // namespace coscanet
