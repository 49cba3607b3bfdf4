// addon/agent.ts, port blocks: the bind of a socket that a program opens to the world.
#include <optional>
#include <string>

#include "js/agent.h"
#include "js/convert.h"
#include "node/port_block.h"
#include "node/sock_diag.h"

namespace coscanet {

static bool read_choice(const Napi::Value& value, PortChoice* out) {
  std::string text;
  if (!read_string(value, "choice", &text)) return false;
  *out = text == "at-connect" ? PortChoice::kAtConnect
         : text == "at-bind"  ? PortChoice::kAtBind
                              : PortChoice::kAgent;
  return *out != PortChoice::kAgent || text == "agent" ||
         type_error(value.Env(), "choice must be at-connect, at-bind or agent");
}

Napi::Value BindInBlock(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  uint32_t descriptor;
  Napi::Object object;
  PortBlock block;
  PortChoice choice;
  std::optional<SocketAddress> remote;
  if (!read_u32(info[0], "descriptor", &descriptor) || !read_object(info[1], "block", &object) ||
      !read_string(object.Get("vip"), "vip", &block.vip) ||
      !read_port(object.Get("first"), "first", &block.first) ||
      !read_port(object.Get("last"), "last", &block.last) || !read_choice(info[2], &choice))
    return env.Undefined();
  if (!info[3].IsNull()) {
    remote.emplace();
    if (!read_object(info[3], "remote", &object) ||
        !read_string(object.Get("address"), "address", &remote->address) ||
        !read_port(object.Get("port"), "port", &remote->port))
      return env.Undefined();
  }
  if (block.first > block.last) {
    type_error(env, "last must not be less than first");
    return env.Undefined();
  }
  return errno_value(env, bind_in_block(static_cast<int>(descriptor), block, choice, remote));
}

Napi::Value PortsInUse(const Napi::CallbackInfo& info) {
  std::string address, protocol;
  uint16_t first, last;
  if (!read_string(info[0], "address", &address) || !read_port(info[1], "first", &first) ||
      !read_port(info[2], "last", &last) ||
      (!info[3].IsUndefined() && !read_string(info[3], "protocol", &protocol)))
    return info.Env().Undefined();
  int result = protocol == "tcp"   ? is_in_use(address, first, last, {IPPROTO_TCP})
               : protocol == "udp" ? is_in_use(address, first, last, {IPPROTO_UDP})
                                   : is_in_use(address, first, last);
  if (result < 0) return throw_result(info.Env(), result, "sock_diag");
  return Napi::Boolean::New(info.Env(), result > 0);
}

}  // namespace coscanet
