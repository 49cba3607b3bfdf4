// addon/router.ts: detectAddressConflict, announceAddress.
#include "host/arp_announcement.h"

#include "js/async_task.h"
#include "js/init.h"

namespace coscanet {
namespace {

Napi::Value DetectAddressConflict(const Napi::CallbackInfo& info) {
  struct Call {
    std::string interface;
    uint8_t address[4];
    uint32_t count, interval;
    bool used = false;
    Mac by{};
  };
  auto call = std::make_shared<Call>();
  if (!read_string(info[0], "interface", &call->interface) || !read_v4(info[1], "address", call->address) ||
      !read_u32(info[2], "count", &call->count) || !read_u32(info[3], "intervalMs", &call->interval))
    return info.Env().Undefined();
  return run_async(
      info.Env(), "address conflict detection",
      [call] {
        return detect_address_conflict(call->interface.c_str(), call->address, call->count, call->interval,
                                       &call->used, &call->by);
      },
      [call](Napi::Env env) -> Napi::Value {
        if (!call->used) return env.Null();
        return mac_text(env, call->by);
      });
}

void AnnounceAddress(const Napi::CallbackInfo& info) {
  std::string interface;
  uint8_t address[4];
  if (!read_string(info[0], "interface", &interface) || !read_v4(info[1], "address", address)) return;
  if (const int error = announce_address(interface.c_str(), address))
    throw_system(info.Env(), error, "ARP announcement on " + interface);
}

}  // namespace

void InitArpAnnouncement(Napi::Env env, Napi::Object exports) {
  exports.Set("detectAddressConflict", Napi::Function::New(env, DetectAddressConflict));
  exports.Set("announceAddress", Napi::Function::New(env, AnnounceAddress));
}

}  // namespace coscanet
