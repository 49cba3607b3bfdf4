// addon/agent.ts, NAT-mode sockets: the bind, and what a socket stands for.
#include <optional>
#include <string>

#include "js/agent.h"
#include "js/convert.h"
#include "node/nat_socket.h"

namespace coscanet {

Napi::Value virtual_address(Napi::Env env, const std::optional<VirtualAddress>& name) {
  if (!name) return env.Null();
  Napi::Object object = Napi::Object::New(env);
  object.Set("vip", name->vip);
  object.Set("port", static_cast<double>(name->port));
  return object;
}

static bool read_virtual_address(const Napi::Value& value, VirtualAddress* out) {
  if (!value.IsObject()) return type_error(value.Env(), "name must be {vip, port}");
  Napi::Object object = value.As<Napi::Object>();
  uint8_t bytes[4];
  return read_string(object.Get("vip"), "vip", &out->vip) && read_v4(object.Get("vip"), "vip", bytes) &&
         read_port(object.Get("port"), "port", &out->port);
}

static bool read_sharing(const Napi::Value& value, PortSharing* out) {
  std::string text;
  if (!read_string(value, "sharing", &text)) return false;
  *out = text == "alone"       ? PortSharing::kAlone
         : text == "successor" ? PortSharing::kSuccessor
                               : PortSharing::kAsAsked;
  return *out != PortSharing::kAsAsked || text == "as-asked" ||
         type_error(value.Env(), "sharing must be as-asked, successor or alone");
}

Napi::Value BindNat(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  uint32_t descriptor;
  std::string address;
  uint16_t port;
  VirtualAddress name;
  PortSharing sharing;
  if (!read_u32(info[0], "descriptor", &descriptor) || !read_string(info[1], "address", &address) ||
      !read_port(info[2], "port", &port) || !read_virtual_address(info[3], &name) ||
      !read_sharing(info[4], &sharing))
    return env.Undefined();
  NatBind bound = bind_nat(static_cast<int>(descriptor), address, port, name, sharing);
  Napi::Object object = Napi::Object::New(env);
  object.Set("errno", errno_value(env, bound.result));
  object.Set("port", static_cast<double>(bound.port));
  object.Set("tagged", bound.tagged);
  return object;
}

Napi::Value VirtualAddressIn(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  uint32_t pid, descriptor, inode;
  if (!read_u32(info[0], "pid", &pid) || !read_u32(info[1], "descriptor", &descriptor) ||
      !read_u32(info[2], "inode", &inode))
    return env.Undefined();
  return virtual_address(
      env, read_virtual_address_of(static_cast<pid_t>(pid), static_cast<int>(descriptor), inode));
}

}  // namespace coscanet
