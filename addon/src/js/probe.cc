// addon/router.ts: arpProbe, arpAnnounce, tcpProbe. Those that wait run on libuv's pool.
#include "device/probe.h"

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

Napi::Value TcpProbeCall(const Napi::CallbackInfo& info) {
  struct Call {
    std::string interface;
    TcpProbe probe;
    ProbeResult result = ProbeResult::silent;
  };
  auto call = std::make_shared<Call>();
  Napi::Object o;
  uint32_t port, timeout;
  if (!read_object(info[0], "probe", &o) || !read_string(o.Get("interface"), "interface", &call->interface) ||
      !read_mac(o.Get("mac"), "mac", &call->probe.mac) ||
      !read_v4(o.Get("source"), "source", call->probe.source) ||
      !read_v4(o.Get("vip"), "vip", call->probe.vip) || !read_u32(o.Get("port"), "port", &port) ||
      !read_u32(o.Get("timeoutMs"), "timeoutMs", &timeout))
    return info.Env().Undefined();
  call->probe.interface = call->interface.c_str();
  call->probe.port = static_cast<uint16_t>(port);
  call->probe.timeout_ms = timeout;
  return run(
      info.Env(), "TCP probe", [call] { return tcp_probe(call->probe, &call->result); },
      [call](Napi::Env env) -> Napi::Value {
        static const char* const kNames[] = {"open", "refused", "silent"};
        return Napi::String::New(env, kNames[static_cast<unsigned>(call->result)]);
      });
}

}  // namespace

void InitProbe(Napi::Env env, Napi::Object exports) {
  exports.Set("arpProbe", Napi::Function::New(env, ArpProbe));
  exports.Set("arpAnnounce", Napi::Function::New(env, ArpAnnounce));
  exports.Set("tcpProbe", Napi::Function::New(env, TcpProbeCall));
}

}  // namespace coscanet
