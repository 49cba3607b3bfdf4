// coscanet-test.node: what tests, and they alone, drive of the packet path from TypeScript. Façade:
// test/support/memory-router.ts.
#include "init.h"

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  coscanet::InitMemoryRouter(env, exports);
  return exports;
}

NODE_API_MODULE(NODE_GYP_MODULE_NAME, Init)
