// addon/router.ts: tcpProbe.
#include "host/tcp_probe.h"

#include <vector>

#include "js/async_task.h"
#include "js/init.h"

namespace coscanet {
namespace {

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
    ProbeRoute route;
    std::vector<TcpProbe> targets;
  };
  const Napi::Env env = info.Env();
  auto call = std::make_shared<Call>();
  Napi::Object o;
  Napi::Array targets;
  if (!read_object(info[0], "probe", &o) || !read_string(o.Get("out"), "out", &call->out) ||
      !read_string(o.Get("in"), "in", &call->in) || !read_v4(o.Get("source"), "source", call->route.source) ||
      !read_u32(o.Get("timeoutMs"), "timeoutMs", &call->route.timeout_ms) ||
      !read_list(o.Get("targets"), "targets", &targets))
    return env.Undefined();
  if (targets.Length() > kMaxProbes) {
    type_error(env, "too many targets");
    return env.Undefined();
  }
  call->targets.resize(targets.Length());
  for (uint32_t i = 0; i < targets.Length(); ++i)
    if (!read_target(targets.Get(i), &call->targets[i])) return env.Undefined();
  call->route.out = call->out.c_str();
  call->route.in = call->in.c_str();
  return run_async(
      env, "TCP probe", [call] { return tcp_probe(call->route, call->targets.data(), call->targets.size()); },
      [call](Napi::Env current) -> Napi::Value {
        static const char* const kNames[] = {"open", "refused", "silent"};
        Napi::Array results = Napi::Array::New(current, call->targets.size());
        for (uint32_t i = 0; i < call->targets.size(); ++i)
          results.Set(i, kNames[static_cast<unsigned>(call->targets[i].result)]);
        return results;
      });
}

}  // namespace

void InitTcpProbe(Napi::Env env, Napi::Object exports) {
  exports.Set("tcpProbe", Napi::Function::New(env, TcpProbeCall));
}

}  // namespace coscanet
