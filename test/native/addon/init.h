#pragma once
// Each file beside this one adds its classes to the exports of the tests' addon.
#include <napi.h>

namespace coscanet {

void InitMemoryRouter(Napi::Env env, Napi::Object exports);
void InitPolicySchema(Napi::Env env, Napi::Object exports);

}  // namespace coscanet
