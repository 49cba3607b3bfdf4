#pragma once
// Each file beside this one adds its functions to the addon's exports.
#include <napi.h>

namespace coscanet {

void InitSegment(Napi::Env env, Napi::Object exports);
void InitForwarder(Napi::Env env, Napi::Object exports);
void InitProcess(Napi::Env env, Napi::Object exports);
void InitArpAnnouncement(Napi::Env env, Napi::Object exports);
void InitTcpProbe(Napi::Env env, Napi::Object exports);
void InitRtnetlink(Napi::Env env, Napi::Object exports);
void InitAgent(Napi::Env env, Napi::Object exports);

}  // namespace coscanet
