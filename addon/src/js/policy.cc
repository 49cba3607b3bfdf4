#include "js/policy.h"

#include <tuple>

#include "js/convert.h"

namespace coscanet {
namespace {

/// What fields of a record are called: keys of its objects, and names for errors; made once for thousands of
/// objects.
template <typename Record>
struct Keys {
  explicit Keys(Napi::Env env) {
    Record::each_field([&](const char* text, auto) {
      texts.push_back(Napi::String::New(env, text));
      names.push_back(std::string(Record::kPrefix) + text);
      return true;
    });
  }
  std::vector<Napi::String> texts;
  std::vector<std::string> names;
};

/// Converts values to what policy_spec.h says of them; false with a pending JavaScript exception.
class SpecReader {
 public:
  explicit SpecReader(Napi::Env env)
      : keys_{Keys<PolicySpec>(env),      Keys<InterfaceSpec>(env), Keys<VipSpec>(env),
              Keys<TranslationSpec>(env), Keys<EndpointSpec>(env),  Keys<BlockSpec>(env),
              Keys<GatewaySpec>(env),     Keys<TimeoutsSpec>(env),  Keys<AffinitySpec>(env),
              Keys<ServiceSpec>(env)} {}

  bool read(const Napi::Value&, const char*, Unread*) const { return true; }
  bool read(const Napi::Value& v, const char* name, uint32_t* out) const { return read_u32(v, name, out); }
  bool read(const Napi::Value& v, const char* name, bool* out) const { return read_bool(v, name, out); }
  bool read(const Napi::Value& v, const char* name, Mac* out) const { return read_mac(v, name, out); }
  bool read(const Napi::Value& v, const char* name, Address* out) const { return read_address(v, name, out); }
  bool read(const Napi::Value& v, const char* name, Prefix* out) const {
    return read_prefix(v, name, &out->bits);
  }
  bool read(const Napi::Value& v, const char* name, Seconds* out) const {
    return read_timeout(v, name, &out->count);
  }
  bool read(const Napi::Value& v, const char*, Protocol* out) const {
    uint8_t number = 0;
    const bool fits = read_protocol(v, &number);
    *out = static_cast<Protocol>(number);
    return fits;
  }
  bool read(const Napi::Value& v, const char* name, InterfaceRole* out) const {
    static const char* const kRoles[] = {"external", "internal", "host"};
    uint8_t role = 0;
    const bool fits = read_choice(v, name, kRoles, 3, &role);
    *out = static_cast<InterfaceRole>(role);
    return fits;
  }

  template <typename T>
  bool read(const Napi::Value& v, const char* name, std::optional<T>* out) const {
    return v.IsUndefined() || read(v, name, &out->emplace());
  }

  template <typename T>
  bool read(const Napi::Value& v, const char* name, std::vector<T>* out) const {
    Napi::Array list;
    if (!read_list(v, name, &list)) return false;
    const uint32_t length = list.Length();
    out->resize(length);
    for (uint32_t i = 0; i < length; ++i) {
      const Napi::HandleScope scope(v.Env());
      if (!read(list.Get(i), name, &(*out)[i])) return false;
    }
    return true;
  }

  template <typename Record>
  auto read(const Napi::Value& v, const char*, Record* out) const -> decltype(Record::kObject, bool()) {
    Napi::Object o;
    if (!read_object(v, Record::kObject, &o)) return false;
    const auto& keys = std::get<Keys<Record>>(keys_);
    size_t i = 0;
    return Record::each_field([&](const char*, auto member) {
      const size_t field = i++;
      return read(o.Get(keys.texts[field]), keys.names[field].c_str(), &(out->*member));
    });
  }

 private:
  std::tuple<Keys<PolicySpec>, Keys<InterfaceSpec>, Keys<VipSpec>, Keys<TranslationSpec>, Keys<EndpointSpec>,
             Keys<BlockSpec>, Keys<GatewaySpec>, Keys<TimeoutsSpec>, Keys<AffinitySpec>, Keys<ServiceSpec>>
      keys_;
};

}  // namespace

bool write_policy(const Napi::Value& value, PolicyWriter& out) {
  PolicySpec spec;
  if (!SpecReader(value.Env()).read(value, PolicySpec::kObject, &spec)) return false;
  const char* problem = out.write(spec);
  return !problem || type_error(value.Env(), problem);
}

bool read_limits(const Napi::Value& value, Limits* out) {
  if (value.IsUndefined()) return true;
  Napi::Object o;
  if (!read_object(value, "limits", &o)) return false;
#define X(field, name, otherwise) \
  if (o.Has(name) && !read_u32(o.Get(name), name, &out->field)) return false;
  COSCANET_LIMITS(X)
#undef X
  for (const uint32_t entries : {out->flows, out->affinities})
    if (entries < 2 * FlowTable::kWays || (entries & (entries - 1)))
      return type_error(value.Env(), "limits.flows and limits.affinities must be powers of two, 8 or more");
  if (out->endpoints > 65536 || out->services > 65536 || out->vips > 65536 || out->blocks > 65536)
    return type_error(value.Env(), "at most 65536 endpoints, services, virtual IPs, port blocks");
  if (out->ring_slots > 1u << 24 || out->registry_bytes > 1u << 28)
    return type_error(value.Env(), "at most 16777216 ring slots, 268435456 registry bytes");
  return out->forwarders <= FlowTable::kForwarders || type_error(value.Env(), "at most 16 forwarders");
}

}  // namespace coscanet
