#pragma once
// Each file beside this one adds its functions to the addon's exports.
#include <napi.h>

namespace coscanet {

void InitAgent(Napi::Env env, Napi::Object exports);

}  // namespace coscanet
