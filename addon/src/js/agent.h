#pragma once
// The parts of addon/agent.ts that report from Node's event loop, and those of NAT-mode sockets and of port
// blocks.
#include <napi.h>

#include <optional>

#include "node/nat_socket.h"

namespace coscanet {

Napi::Value ListenForPrograms(const Napi::CallbackInfo& info);
Napi::Value ListenForLoad(const Napi::CallbackInfo& info);
Napi::Value WatchDestroyed(const Napi::CallbackInfo& info);

Napi::Value BindNat(const Napi::CallbackInfo& info);
Napi::Value VirtualAddressIn(const Napi::CallbackInfo& info);

Napi::Value BindInBlock(const Napi::CallbackInfo& info);
Napi::Value PortsInUse(const Napi::CallbackInfo& info);

Napi::Value LiveConnections(const Napi::CallbackInfo& info);
Napi::Value ReadConnections(const Napi::CallbackInfo& info);

// {vip, port} or null.
Napi::Value virtual_address(Napi::Env env, const std::optional<VirtualAddress>& name);

}  // namespace coscanet
