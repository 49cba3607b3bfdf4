#include "js/policy.h"

#include <vector>

#include "js/convert.h"

namespace coscanet {
namespace {

const char* const kRoles[] = {"external", "internal", "host"};

/// `routes`: errors to nodes are said in the interface's own name.
bool read_interfaces(const Napi::Array& list, bool routes, PolicyWriter& out) {
  for (uint32_t i = 0; i < list.Length(); ++i) {
    Napi::Object o;
    Mac mac;
    uint32_t mtu;
    uint8_t role = 0;
    if (!read_object(list.Get(i), "interface", &o) ||
        !read_choice(o.Get("role"), "interface role", kRoles, 3, &role) ||
        !read_mac(o.Get("mac"), "interface mac", &mac) || !read_u32(o.Get("mtu"), "interface mtu", &mtu))
      return false;
    Address address;
    uint32_t prefix = 32;
    if (routes && !(o.Has("address") && o.Has("prefix")))
      return type_error(list.Env(), "policy.routes: each interface needs an address and its prefix");
    if (o.Has("address") && !read_address(o.Get("address"), "interface address", &address)) return false;
    if (o.Has("prefix") && !read_prefix(o.Get("prefix"), "interface prefix", &prefix)) return false;
    if (!out.add_interface(static_cast<InterfaceRole>(role), mac,
                           static_cast<uint16_t>(mtu > 0xffff ? 0xffff : mtu), address, prefix))
      return type_error(list.Env(), "too many interfaces");
  }
  return true;
}

bool read_vips(const Napi::Array& list, PolicyWriter& out) {
  for (uint32_t i = 0; i < list.Length(); ++i) {
    Napi::Object o;
    Address address;
    bool active = false;
    if (!read_object(list.Get(i), "vip", &o) || !read_address(o.Get("address"), "vip address", &address) ||
        !read_bool(o.Get("active"), "vip active", &active))
      return false;
    if (!out.add_vip(address, active)) return type_error(list.Env(), "virtual IP twice, or too many");
  }
  return true;
}

bool read_translation(const Napi::Value& value, Translation* out) {
  Napi::Object o;
  uint32_t node_port = 0, vip_port = 0;
  if (!read_object(value, "nat", &o) || !read_address(o.Get("node"), "nat node", &out->node) ||
      !read_u32(o.Get("nodePort"), "nat nodePort", &node_port) ||
      !read_protocol(o.Get("protocol"), &out->protocol) ||
      !read_address(o.Get("vip"), "nat vip", &out->vip) ||
      !read_u32(o.Get("vipPort"), "nat vipPort", &vip_port))
    return false;
  if (node_port > 0xffff || vip_port > 0xffff) return type_error(o.Env(), "nat: no such port");
  out->node_port = static_cast<uint16_t>(node_port);
  out->vip_port = static_cast<uint16_t>(vip_port);
  return true;
}

/// Names of fields, made once for thousands of objects.
class Key {
 public:
  Key(Napi::Env env, const char* name) : key_(Napi::String::New(env, name)) {}
  Napi::Value of(const Napi::Object& o) const { return o.Get(key_); }

 private:
  Napi::String key_;
};

struct EndpointKeys {
  explicit EndpointKeys(Napi::Env env)
      : slot(env, "slot"),
        generation(env, "generation"),
        mac(env, "mac"),
        egress(env, "egress"),
        open(env, "open"),
        outbound_only(env, "outboundOnly"),
        node(env, "node"),
        nat(env, "nat") {}
  Key slot, generation, mac, egress, open, outbound_only, node, nat;
};

bool read_endpoint(const Napi::Value& value, const EndpointKeys& keys, PolicyWriter& out) {
  Napi::Object o;
  uint32_t slot, generation, egress, number = kNoNode;
  Mac mac;
  bool open = false, outbound_only = false;
  if (!read_object(value, "endpoint", &o) || !read_u32(keys.slot.of(o), "endpoint slot", &slot) ||
      !read_u32(keys.generation.of(o), "endpoint generation", &generation) ||
      !read_mac(keys.mac.of(o), "endpoint mac", &mac) ||
      !read_u32(keys.egress.of(o), "endpoint egress", &egress) ||
      !read_bool(keys.open.of(o), "endpoint open", &open))
    return false;
  const Napi::Value opens = keys.outbound_only.of(o), node = keys.node.of(o), translation = keys.nat.of(o);
  const bool numbered = !node.IsUndefined();
  if (!opens.IsUndefined() && !read_bool(opens, "endpoint outboundOnly", &outbound_only)) return false;
  if (numbered && !read_u32(node, "endpoint node", &number)) return false;
  if (generation > 0xffff || egress >= kInterfaces || (numbered && number >= kNoNode) ||
      !out.add_endpoint(slot, static_cast<uint16_t>(generation), mac, static_cast<uint8_t>(egress), open,
                        static_cast<uint16_t>(number)) ||
      (outbound_only && !out.set_outbound_only(slot)))
    return type_error(o.Env(), "endpoint slot taken, or a number out of its range");
  if (translation.IsUndefined()) return true;
  Translation nat{};
  if (!read_translation(translation, &nat)) return false;
  return out.translate_endpoint(slot, nat) ||
         type_error(o.Env(), "two endpoints with one node, protocol and port");
}

bool read_endpoints(const Napi::Array& list, PolicyWriter& out) {
  const EndpointKeys keys(list.Env());
  const uint32_t count = list.Length();
  for (uint32_t i = 0; i < count; ++i) {
    const Napi::HandleScope scope(list.Env());
    if (!read_endpoint(list.Get(i), keys, out)) return false;
  }
  return true;
}

/// How many entries of 64 ports a list of blocks takes; of what is no block, none.
uint32_t entries_of(const Napi::Array& blocks) {
  uint32_t entries = 0;
  for (uint32_t i = 0; i < blocks.Length(); ++i) {
    const Napi::Value block = blocks.Get(i);
    if (!block.IsObject()) continue;
    const Napi::Value first = block.As<Napi::Object>().Get("first"),
                      last = block.As<Napi::Object>().Get("last");
    if (!first.IsNumber() || !last.IsNumber()) continue;
    const double ports = last.As<Napi::Number>().DoubleValue() - first.As<Napi::Number>().DoubleValue() + 1;
    if (ports > 0 && ports <= 0x10000) entries += static_cast<uint32_t>(ports) / kBlockPorts;
  }
  return entries;
}

bool read_blocks(const Napi::Array& list, PolicyWriter& out) {
  for (uint32_t i = 0; i < list.Length(); ++i) {
    Napi::Object o;
    Address vip;
    Mac mac;
    uint32_t first = 0, last = 0, egress = 0;
    if (!read_object(list.Get(i), "block", &o) || !read_address(o.Get("vip"), "block vip", &vip) ||
        !read_u32(o.Get("first"), "block first", &first) || !read_u32(o.Get("last"), "block last", &last) ||
        !read_mac(o.Get("mac"), "block mac", &mac) || !read_u32(o.Get("egress"), "block egress", &egress))
      return false;
    if (last > 0xffff || egress >= kInterfaces ||
        !out.add_block(vip, static_cast<uint16_t>(first), static_cast<uint16_t>(last), mac,
                       static_cast<uint8_t>(egress)))
      return type_error(list.Env(), "port block not of whole 64 ports, taken, or too many");
  }
  return true;
}

bool read_gateway(const Napi::Value& value, PolicyWriter& out) {
  Napi::Object o;
  Mac mac;
  uint32_t egress = 0;
  if (!read_object(value, "gateway", &o) || !read_mac(o.Get("mac"), "gateway mac", &mac) ||
      !read_u32(o.Get("egress"), "gateway egress", &egress))
    return false;
  return (egress < kInterfaces && out.set_gateway(mac, static_cast<uint8_t>(egress))) ||
         type_error(o.Env(), "gateway on no interface");
}

bool read_timeouts(const Napi::Object& o, Timeouts* out) {
  return read_u32(o.Get("syn"), "timeout syn", &out->of[0]) &&
         read_u32(o.Get("established"), "timeout established", &out->of[1]) &&
         read_u32(o.Get("closing"), "timeout closing", &out->of[2]) &&
         read_u32(o.Get("udp"), "timeout udp", &out->of[3]);
}

bool read_slots(const Napi::Value& value, const char* name, std::vector<uint32_t>* out) {
  Napi::Array list;
  if (!read_list(value, name, &list)) return false;
  out->resize(list.Length());
  for (uint32_t i = 0; i < out->size(); ++i)
    if (!read_u32(list.Get(i), name, &(*out)[i])) return false;
  return true;
}

bool read_affinity(const Napi::Value& value, PolicyWriter& out) {
  Napi::Object o;
  PolicyAffinity affinity{};
  uint32_t prefix;
  std::vector<uint32_t> members;
  if (!read_object(value, "affinity", &o) || !read_u32(o.Get("group"), "affinity group", &affinity.group) ||
      !read_prefix(o.Get("prefix"), "affinity prefix", &prefix) ||
      !read_timeout(o.Get("timeout"), "affinity timeout", &affinity.timeout) ||
      !read_slots(o.Get("members"), "affinity members", &members))
    return false;
  affinity.mask = Address::mask_v4(prefix);
  return out.add_affinity(affinity, members.data(), static_cast<uint32_t>(members.size())) ||
         type_error(o.Env(), "affinity of unknown endpoints, without those of the ring, or too many");
}

struct ServiceKeys {
  explicit ServiceKeys(Napi::Env env)
      : slot(env, "slot"),
        vip(env, "vip"),
        protocol(env, "protocol"),
        port(env, "port"),
        timeouts(env, "timeouts"),
        ring(env, "ring"),
        affinity(env, "affinity") {}
  Key slot, vip, protocol, port, timeouts, ring, affinity;
};

bool read_service(const Napi::Value& value, const ServiceKeys& keys, std::vector<uint32_t>* ring,
                  PolicyWriter& out) {
  Napi::Object o, times;
  uint32_t slot, port;
  Address vip;
  uint8_t protocol;
  Timeouts timeouts;
  if (!read_object(value, "service", &o) || !read_u32(keys.slot.of(o), "service slot", &slot) ||
      !read_address(keys.vip.of(o), "service vip", &vip) || !read_protocol(keys.protocol.of(o), &protocol) ||
      !read_u32(keys.port.of(o), "service port", &port) ||
      !read_object(keys.timeouts.of(o), "service timeouts", &times) || !read_timeouts(times, &timeouts) ||
      !read_slots(keys.ring.of(o), "service ring", ring))
    return false;
  if (port > 0xffff || !out.add_service(slot, vip, protocol, static_cast<uint16_t>(port), ring->data(),
                                        static_cast<uint32_t>(ring->size()), timeouts))
    return type_error(o.Env(), "service twice, ring of unknown endpoints, or too many");
  const Napi::Value affinity = keys.affinity.of(o);
  return affinity.IsUndefined() || read_affinity(affinity, out);
}

bool read_services(const Napi::Array& list, PolicyWriter& out) {
  const ServiceKeys keys(list.Env());
  const uint32_t count = list.Length();
  std::vector<uint32_t> ring;
  for (uint32_t i = 0; i < count; ++i) {
    const Napi::HandleScope scope(list.Env());
    if (!read_service(list.Get(i), keys, &ring, out)) return false;
  }
  return true;
}

}  // namespace

bool read_policy(const Napi::Object& policy, const Limits& limits, uint8_t* snapshot) {
  PolicyWriter out(snapshot, limits);
  Napi::Array interfaces, vips, endpoints, services, blocks;
  bool routes = false, await_imports = false;
  if ((policy.Has("awaitImports") &&
       !read_bool(policy.Get("awaitImports"), "policy.awaitImports", &await_imports)) ||
      (policy.Has("routes") && !read_bool(policy.Get("routes"), "policy.routes", &routes)) ||
      (policy.Has("blocks") && !read_list(policy.Get("blocks"), "policy.blocks", &blocks)))
    return false;
  if (!read_list(policy.Get("interfaces"), "policy.interfaces", &interfaces) ||
      !read_list(policy.Get("vips"), "policy.vips", &vips) ||
      !read_list(policy.Get("endpoints"), "policy.endpoints", &endpoints) ||
      !read_list(policy.Get("services"), "policy.services", &services))
    return false;
  Limits room = limits;
  room.vips = vips.Length();
  room.endpoints = endpoints.Length();
  room.services = services.Length();
  room.blocks = blocks.IsEmpty() ? 0 : entries_of(blocks);
  out.clear(room);
  out.set_routes(routes);
  out.set_await_imports(await_imports);
  return read_interfaces(interfaces, routes, out) &&
         (!policy.Has("gateway") || read_gateway(policy.Get("gateway"), out)) &&
         (blocks.IsEmpty() || read_blocks(blocks, out)) && read_vips(vips, out) &&
         read_endpoints(endpoints, out) && read_services(services, out);
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
