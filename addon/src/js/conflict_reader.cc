#include "js/conflict_reader.h"

#include "js/convert.h"

namespace coscanet {

Napi::Array ConflictReader::array(Napi::Env env, const Segment& segment) {
  Napi::Array out = Napi::Array::New(env);
  uint32_t count = 0;
  for_each(segment, [&](const ArpConflict& conflict) {
    Napi::Object o = Napi::Object::New(env);
    o.Set("vip", address_text(env, conflict.vip));
    o.Set("mac", mac_text(env, conflict.mac));
    o.Set("ingress", static_cast<double>(conflict.ingress));
    out.Set(count++, o);
  });
  return out;
}

}  // namespace coscanet
