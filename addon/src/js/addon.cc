// Contents of the addon. Façades: addon/router.ts (segment, forwarder, process, ARP announcement, TCP probe),
// addon/rtnetlink.ts, addon/agent.ts (agent).
#include "js/init.h"

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  coscanet::InitSegment(env, exports);
  coscanet::InitForwarder(env, exports);
  coscanet::InitProcess(env, exports);
  coscanet::InitArpAnnouncement(env, exports);
  coscanet::InitTcpProbe(env, exports);
  coscanet::InitRtnetlink(env, exports);
  coscanet::InitAgent(env, exports);
  return exports;
}

NODE_API_MODULE(NODE_GYP_MODULE_NAME, Init)
