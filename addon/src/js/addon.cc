// Contents of the addon: one Init per façade (addon/router.ts, addon/agent.ts, test/support/memory.ts).
#include <napi.h>

#include "js/init.h"

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  coscanet::InitAgent(env, exports);
  return exports;
}

NODE_API_MODULE(NODE_GYP_MODULE_NAME, Init)
