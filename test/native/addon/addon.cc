// coscanet-test.node: what tests, and they alone, drive from TypeScript: a router in memory
// (test/support/memory-router.ts) and the schema of a policy.
#include "init.h"

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  coscanet::InitMemoryRouter(env, exports);
  coscanet::InitPolicySchema(env, exports);
  return exports;
}

NODE_API_MODULE(NODE_GYP_MODULE_NAME, Init)
