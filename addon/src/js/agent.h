#pragma once
// The parts of addon/agent.ts that report from Node's event loop, and those of NAT-mode sockets and of port
// blocks.
#include <napi.h>

#include <optional>

#include "js/convert.h"
#include "node/nat_socket.h"

namespace coscanet {

// Functions of node/ return what system calls return: 0 or more, or -errno. JavaScript gets errnos as
// os.constants.errno has them, positive: as the `errno` of an Error that is thrown, or as a number.
inline Napi::Value throw_result(Napi::Env env, int result, const std::string& what) {
  return throw_system(env, -result, what);
}
inline Napi::Value errno_value(Napi::Env env, int result) {
  return Napi::Number::New(env, -result);
}

Napi::Value ListenForPrograms(const Napi::CallbackInfo& info);
Napi::Value ListenForLoad(const Napi::CallbackInfo& info);
Napi::Value WatchDestroyed(const Napi::CallbackInfo& info);

Napi::Value BindNat(const Napi::CallbackInfo& info);
Napi::Value VirtualAddressIn(const Napi::CallbackInfo& info);

Napi::Value BindInBlock(const Napi::CallbackInfo& info);
Napi::Value PortsInUse(const Napi::CallbackInfo& info);

Napi::Value EndedConnections(const Napi::CallbackInfo& info);
Napi::Value LiveConnections(const Napi::CallbackInfo& info);
Napi::Value ReadConnections(const Napi::CallbackInfo& info);

// {vip, port} or null.
Napi::Value virtual_address(Napi::Env env, const std::optional<VirtualAddress>& name);

}  // namespace coscanet
