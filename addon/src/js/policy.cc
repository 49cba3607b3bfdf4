#include "js/policy.h"

#include <vector>

#include "js/convert.h"

namespace coscanet {
namespace {

/// `routes`: errors to nodes are said in the interface's own name.
bool read_interfaces(const Napi::Array& list, bool routes, PolicyWriter& out) {
  for (uint32_t i = 0; i < list.Length(); ++i) {
    Napi::Object o;
    Mac mac;
    uint32_t mtu;
    if (!read_object(list.Get(i), "interface", &o) || !read_mac(o.Get("mac"), "interface mac", &mac) ||
        !read_u32(o.Get("mtu"), "interface mtu", &mtu))
      return false;
    Address address;
    uint32_t prefix = 32;
    if (routes && !(o.Has("address") && o.Has("prefix")))
      return type_error(list.Env(), "policy.routes: each interface needs an address and its prefix");
    if (o.Has("address") && !read_address(o.Get("address"), "interface address", &address)) return false;
    if (o.Has("prefix") && !read_prefix(o.Get("prefix"), "interface prefix", &prefix)) return false;
    if (!out.add_interface(mac, static_cast<uint16_t>(mtu > 0xffff ? 0xffff : mtu), address, prefix))
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

bool read_endpoints(const Napi::Array& list, PolicyWriter& out) {
  for (uint32_t i = 0; i < list.Length(); ++i) {
    Napi::Object o;
    uint32_t slot, incarnation, egress, node = kNoNode;
    Mac mac;
    bool open = false, opens_only = false;
    if (!read_object(list.Get(i), "endpoint", &o) || !read_u32(o.Get("slot"), "endpoint slot", &slot) ||
        !read_u32(o.Get("incarnation"), "endpoint incarnation", &incarnation) ||
        !read_mac(o.Get("mac"), "endpoint mac", &mac) ||
        !read_u32(o.Get("egress"), "endpoint egress", &egress) ||
        !read_bool(o.Get("open"), "endpoint open", &open) ||
        (o.Has("opensOnly") && !read_bool(o.Get("opensOnly"), "endpoint opensOnly", &opens_only)) ||
        (o.Has("node") && !read_u32(o.Get("node"), "endpoint node", &node)))
      return false;
    if (incarnation > 0xffff || egress >= kInterfaces || (o.Has("node") && node >= kNoNode) ||
        !out.add_endpoint(slot, static_cast<uint16_t>(incarnation), mac, static_cast<uint8_t>(egress), open,
                          static_cast<uint16_t>(node)) ||
        (opens_only && !out.close_to_clients(slot)))
      return type_error(list.Env(), "endpoint slot taken, or a number out of its range");
    if (!o.Has("nat")) continue;
    Translation nat{};
    if (!read_translation(o.Get("nat"), &nat)) return false;
    if (!out.translate_endpoint(slot, nat))
      return type_error(list.Env(), "two endpoints with one node, protocol and port");
  }
  return true;
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

bool read_services(const Napi::Array& list, PolicyWriter& out) {
  std::vector<uint32_t> ring;
  for (uint32_t i = 0; i < list.Length(); ++i) {
    Napi::Object o, times;
    uint32_t slot, port;
    Address vip;
    uint8_t protocol;
    Timeouts timeouts;
    if (!read_object(list.Get(i), "service", &o) || !read_u32(o.Get("slot"), "service slot", &slot) ||
        !read_address(o.Get("vip"), "service vip", &vip) || !read_protocol(o.Get("protocol"), &protocol) ||
        !read_u32(o.Get("port"), "service port", &port) ||
        !read_object(o.Get("timeouts"), "service timeouts", &times) || !read_timeouts(times, &timeouts) ||
        !read_slots(o.Get("ring"), "service ring", &ring))
      return false;
    if (port > 0xffff || !out.add_service(slot, vip, protocol, static_cast<uint16_t>(port), ring.data(),
                                          static_cast<uint32_t>(ring.size()), timeouts))
      return type_error(list.Env(), "service twice, ring of unknown endpoints, or too many");
    if (o.Has("affinity") && !read_affinity(o.Get("affinity"), out)) return false;
  }
  return true;
}

}  // namespace

bool read_policy(const Napi::Object& policy, const Limits& limits, uint8_t* snapshot) {
  PolicyWriter out(snapshot, limits);
  Napi::Array interfaces, vips, endpoints, services, blocks;
  bool routes = false, await_claims = false;
  if ((policy.Has("awaitClaims") &&
       !read_bool(policy.Get("awaitClaims"), "policy.awaitClaims", &await_claims)) ||
      (policy.Has("routes") && !read_bool(policy.Get("routes"), "policy.routes", &routes)) ||
      (policy.Has("blocks") && !read_list(policy.Get("blocks"), "policy.blocks", &blocks)))
    return false;
  out.set_routes(routes);
  out.set_await_claims(await_claims);
  return read_list(policy.Get("interfaces"), "policy.interfaces", &interfaces) &&
         read_list(policy.Get("vips"), "policy.vips", &vips) &&
         read_list(policy.Get("endpoints"), "policy.endpoints", &endpoints) &&
         read_list(policy.Get("services"), "policy.services", &services) &&
         read_interfaces(interfaces, routes, out) &&
         (!policy.Has("gateway") || read_gateway(policy.Get("gateway"), out)) &&
         (blocks.IsEmpty() || read_blocks(blocks, out)) && read_vips(vips, out) &&
         read_endpoints(endpoints, out) && read_services(services, out);
}

bool read_limits(const Napi::Value& value, Limits* out) {
  if (value.IsUndefined()) return true;
  Napi::Object o;
  if (!read_object(value, "limits", &o)) return false;
  const struct {
    const char* name;
    uint32_t* field;
  } fields[] = {{"flows", &out->flows},
                {"affinities", &out->affinities},
                {"endpoints", &out->endpoints},
                {"services", &out->services},
                {"ringSlots", &out->ring_slots},
                {"vips", &out->vips},
                {"blocks", &out->blocks},
                {"forwarders", &out->forwarders},
                {"registryBytes", &out->registry_bytes}};
  for (const auto& [name, field] : fields)
    if (o.Has(name) && !read_u32(o.Get(name), name, field)) return false;
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
