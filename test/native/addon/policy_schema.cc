// policySchema(): the records of core/policy_spec.h as TypeScript has them, by interface: field (with a "?"
// where it may be absent) → type.
#include "core/policy_spec.h"
#include "init.h"

namespace coscanet {
namespace {

template <typename T>
struct TypeName {
  static std::string text() { return T::kInterface; }
};
#define NAMED(type, name)                      \
  template <>                                  \
  struct TypeName<type> {                      \
    static std::string text() { return name; } \
  };
NAMED(Unread, "string")
NAMED(uint32_t, "number")
NAMED(bool, "boolean")
NAMED(Mac, "string")
NAMED(Address, "string")
NAMED(Prefix, "number")
NAMED(Seconds, "number")
NAMED(Protocol, "Protocol")
NAMED(InterfaceRole, "InterfaceRole")
#undef NAMED
template <typename T>
struct TypeName<std::vector<T>> {
  static std::string text() { return TypeName<T>::text() + "[]"; }
};

template <typename T>
struct IsOptional : std::false_type {};
template <typename T>
struct IsOptional<std::optional<T>> : std::true_type {};
template <typename T>
struct TypeName<std::optional<T>> : TypeName<T> {};

template <typename Record>
void add(Napi::Object out) {
  Napi::Object fields = Napi::Object::New(out.Env());
  Record::each_field([&](const char* text, auto member) {
    using T = std::decay_t<decltype(std::declval<Record>().*member)>;
    fields.Set(std::string(text) + (IsOptional<T>::value ? "?" : ""), TypeName<T>::text());
    return true;
  });
  out.Set(Record::kInterface, fields);
}

Napi::Value PolicySchema(const Napi::CallbackInfo& info) {
  Napi::Object out = Napi::Object::New(info.Env());
  add<PolicySpec>(out);
  add<InterfaceSpec>(out);
  add<VipSpec>(out);
  add<TranslationSpec>(out);
  add<EndpointSpec>(out);
  add<BlockSpec>(out);
  add<GatewaySpec>(out);
  add<TimeoutsSpec>(out);
  add<AffinitySpec>(out);
  add<ServiceSpec>(out);
  return out;
}

}  // namespace

void InitPolicySchema(Napi::Env env, Napi::Object exports) {
  exports.Set("policySchema", Napi::Function::New(env, PolicySchema));
}

}  // namespace coscanet
