#pragma once
// The parts of addon/agent.ts that report from Node's event loop.
#include <napi.h>

namespace coscanet {

Napi::Value ListenForPrograms(const Napi::CallbackInfo& info);
Napi::Value WatchDestroyed(const Napi::CallbackInfo& info);

}  // namespace coscanet
