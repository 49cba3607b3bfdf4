#include "js/init.h"

namespace coscanet {

void InitAgent(Napi::Env, Napi::Object) {}

}  // namespace coscanet
