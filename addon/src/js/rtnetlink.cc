// addon/rtnetlink.ts: watchKernel and the dumps.
#include "host/rtnetlink.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cstddef>
#include <map>
#include <memory>
#include <vector>

#include "js/convert.h"
#include "js/init.h"
#include "js/poll_handle.h"

extern "C" char* if_indextoname(unsigned index, char* name);  // <net/if.h> does not go with <linux/if.h>

namespace coscanet {

namespace {

constexpr uint32_t kReceiveBytes = 1 << 20;
constexpr const char* kOperStates[] = {"unknown", "notpresent", "down", "lowerlayerdown",
                                       "testing", "dormant",    "up"};
constexpr const char* kRouteTypes[] = {"unspec",   "unicast",   "local",     "broadcast",
                                       "anycast",  "multicast", "blackhole", "unreachable",
                                       "prohibit", "throw",     "nat"};
const std::map<unsigned, const char*> kLinkTypes = {
    {ARPHRD_ETHER, "ether"}, {ARPHRD_LOOPBACK, "loopback"},     {ARPHRD_NONE, "none"},
    {ARPHRD_PPP, "ppp"},     {ARPHRD_TUNNEL, "ipip"},           {ARPHRD_SIT, "sit"},
    {ARPHRD_IPGRE, "gre"},   {ARPHRD_INFINIBAND, "infiniband"},
};
const std::map<unsigned, const char*> kScopes = {
    {RT_SCOPE_UNIVERSE, "global"}, {RT_SCOPE_SITE, "site"}, {RT_SCOPE_LINK, "link"}, {RT_SCOPE_HOST, "host"}};
const std::map<unsigned, const char*> kNeighborStates = {
    {NUD_NONE, "none"},     {NUD_INCOMPLETE, "incomplete"}, {NUD_REACHABLE, "reachable"},
    {NUD_STALE, "stale"},   {NUD_DELAY, "delay"},           {NUD_PROBE, "probe"},
    {NUD_FAILED, "failed"}, {NUD_NOARP, "noarp"},           {NUD_PERMANENT, "permanent"}};

// Entries as objects of JavaScript; one writer for all that come together, which asks for each interface's
// name once.
class Writer {
 public:
  explicit Writer(Napi::Env env) : env_(env) {}

  Napi::Object operator()(const rtnetlink::Link& link) {
    Napi::Object o = Napi::Object::New(env_);
    o.Set("index", link.index);
    o.Set("name", link.name);
    o.Set("type", named(kLinkTypes, link.type));
    o.Set("mac", mac(link.mac));
    o.Set("mtu", link.mtu);
    o.Set("up", (link.flags & IFF_UP) != 0);
    o.Set("carrier", (link.flags & IFF_LOWER_UP) != 0);
    o.Set("operState", named(kOperStates, link.operstate));
    return o;
  }

  Napi::Object operator()(const rtnetlink::Address& address) {
    Napi::Object o = Napi::Object::New(env_);
    o.Set("index", address.index);
    o.Set("family", family(address.family));
    o.Set("address", address.address);
    o.Set("prefix", static_cast<uint32_t>(address.prefix));
    o.Set("scope", named(kScopes, address.scope));
    o.Set("label", text(address.label));
    return o;
  }

  Napi::Object operator()(const rtnetlink::Route& route) {
    Napi::Object o = Napi::Object::New(env_);
    o.Set("destination", route.destination);
    o.Set("prefix", static_cast<uint32_t>(route.prefix));
    o.Set("table", route.table);
    o.Set("type", named(kRouteTypes, route.type));
    o.Set("protocol", static_cast<uint32_t>(route.protocol));
    o.Set("metric", route.metric);
    o.Set("scope", named(kScopes, route.scope));
    o.Set("source", text(route.source));
    Napi::Array hops = Napi::Array::New(env_, route.hops.size());
    for (uint32_t i = 0; i < route.hops.size(); ++i) {
      Napi::Object hop = Napi::Object::New(env_);
      hop.Set("interface", interface_name(route.hops[i].index));
      hop.Set("gateway", text(route.hops[i].gateway));
      hops.Set(i, hop);
    }
    o.Set("hops", hops);
    return o;
  }

  Napi::Object operator()(const rtnetlink::Neighbor& neighbor) {
    Napi::Object o = Napi::Object::New(env_);
    o.Set("index", neighbor.index);
    o.Set("interface", interface_name(neighbor.index));
    o.Set("family", family(neighbor.family));
    o.Set("address", neighbor.address);
    o.Set("mac", mac(neighbor.mac));
    o.Set("state", named(kNeighborStates, neighbor.state));
    o.Set("managed", neighbor.managed);
    return o;
  }

  Napi::Object operator()(const rtnetlink::Rule& rule) {
    Napi::Object o = Napi::Object::New(env_);
    o.Set("priority", rule.priority);
    o.Set("table", rule.table);
    o.Set("source", text(rule.source));
    o.Set("sourcePrefix", static_cast<uint32_t>(rule.source_prefix));
    o.Set("destination", text(rule.destination));
    o.Set("destinationPrefix", static_cast<uint32_t>(rule.destination_prefix));
    o.Set("input", text(rule.input));
    o.Set("protocol", static_cast<uint32_t>(rule.protocol));
    return o;
  }

  Napi::Object change(const rtnetlink::Change& change) {
    static constexpr const char* kKinds[] = {"link", "address", "route", "neighbor",
                                             "rule"};  // as in rtnetlink::Entry
    const char* kind = kKinds[change.entry.index()];
    Napi::Object o = Napi::Object::New(env_);
    o.Set("kind", kind);
    o.Set("deleted", change.deleted);
    if (std::holds_alternative<rtnetlink::Route>(change.entry)) o.Set("replaced", change.replaced);
    o.Set(kind, std::visit(*this, change.entry));
    return o;
  }

 private:
  Napi::Value text(const std::string& value) {
    return value.empty() ? env_.Null() : Napi::Value(Napi::String::New(env_, value));
  }
  Napi::Value mac(const std::optional<Mac>& value) {
    return value ? Napi::Value(mac_text(env_, *value)) : env_.Null();
  }
  static uint32_t family(int value) { return value == AF_INET ? 4 : 6; }

  static std::string named(const std::map<unsigned, const char*>& names, unsigned value) {
    const auto found = names.find(value);
    return found == names.end() ? std::to_string(value) : found->second;
  }
  template <size_t kCount>
  static std::string named(const char* const (&names)[kCount], unsigned value) {
    return value < kCount ? names[value] : std::to_string(value);
  }

  Napi::Value interface_name(int index) {
    auto [found, is_new] = names_.try_emplace(index);
    char name[IFNAMSIZ];
    if (is_new && index > 0 && if_indextoname(static_cast<unsigned>(index), name) != nullptr)
      found->second = name;
    return text(found->second);
  }

  const Napi::Env env_;
  std::map<int, std::string> names_;
};

struct Watcher {
  PollHandle* handle = nullptr;
  bool closed = false;
  Napi::FunctionReference on_changes;
  Napi::FunctionReference on_overflow;

  void read() {
    std::vector<rtnetlink::Change> changes;
    const int result = rtnetlink::read_changes(handle->fd(), &changes);
    if (!changes.empty())
      call_back(on_changes, [&](Napi::Env env) {
        Writer writer(env);
        Napi::Array list = Napi::Array::New(env, changes.size());
        for (uint32_t i = 0; i < changes.size(); ++i) list.Set(i, writer.change(changes[i]));
        return std::vector<napi_value>{list};
      });
    if (result < 0 && !closed) call_back(on_overflow, [](Napi::Env) { return std::vector<napi_value>{}; });
  }
};

bool read_flag(const Napi::Object& object, const char* name, bool* out) {
  const Napi::Value value = object.Get(name);
  return value.IsUndefined() || read_bool(value, name, out);
}

Napi::Value WatchKernel(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  rtnetlink::Tables tables;
  uint32_t receive_bytes = kReceiveBytes;
  Napi::Object o;
  if (!read_object(info[0], "tables", &o) || !read_flag(o, "links", &tables.links) ||
      !read_flag(o, "addresses", &tables.addresses) || !read_flag(o, "routes", &tables.routes) ||
      !read_flag(o, "neighbors", &tables.neighbors))
    return env.Undefined();
  if (o.Has("receiveBytes") && !read_u32(o.Get("receiveBytes"), "receiveBytes", &receive_bytes))
    return env.Undefined();
  if (!info[1].IsFunction() || !info[2].IsFunction()) {
    type_error(env, "onChanges and onOverflow must be functions");
    return env.Undefined();
  }
  const int fd = rtnetlink::subscribe(tables, receive_bytes);
  if (fd < 0) return throw_system(env, -fd, "rtnetlink");
  auto watcher = std::make_shared<Watcher>();
  watcher->on_changes = Napi::Persistent(info[1].As<Napi::Function>());
  watcher->on_overflow = Napi::Persistent(info[2].As<Napi::Function>());
  // The handle keeps the watcher alive until its environment ends or close() is called.
  watcher->handle = PollHandle::open(env, fd, [watcher] { watcher->read(); });
  if (watcher->handle == nullptr) return throw_system(env, EINVAL, "event loop");
  Napi::Object object = Napi::Object::New(env);
  object.Set("close", Napi::Function::New(env, [watcher](const Napi::CallbackInfo&) {
               if (!watcher->closed) watcher->handle->close();
               watcher->closed = true;
             }));
  return object;
}

Napi::Value listed(Napi::Env env, int result, const std::vector<rtnetlink::Entry>& entries) {
  if (result < 0) return throw_system(env, -result, "rtnetlink");
  Writer writer(env);
  Napi::Array list = Napi::Array::New(env, entries.size());
  for (uint32_t i = 0; i < entries.size(); ++i) list.Set(i, std::visit(writer, entries[i]));
  return list;
}

template <int (*kDump)(std::vector<rtnetlink::Entry>*)>
Napi::Value Dump(const Napi::CallbackInfo& info) {
  std::vector<rtnetlink::Entry> entries;
  const int result = kDump(&entries);
  return listed(info.Env(), result, entries);
}

Napi::Value GetRoutes(const Napi::CallbackInfo& info) {
  uint32_t table = 0;
  if (!read_u32(info[0], "table", &table)) return info.Env().Undefined();
  std::vector<rtnetlink::Entry> entries;
  const int result = rtnetlink::dump_routes(table, &entries);
  return listed(info.Env(), result, entries);
}

}  // namespace

void InitRtnetlink(Napi::Env env, Napi::Object exports) {
  exports.Set("watchKernel", Napi::Function::New(env, WatchKernel));
  exports.Set("getLinks", Napi::Function::New(env, Dump<rtnetlink::dump_links>));
  exports.Set("getAddresses", Napi::Function::New(env, Dump<rtnetlink::dump_addresses>));
  exports.Set("getRoutes", Napi::Function::New(env, GetRoutes));
  exports.Set("getRules", Napi::Function::New(env, Dump<rtnetlink::dump_rules>));
  exports.Set("getNeighbors", Napi::Function::New(env, Dump<rtnetlink::dump_neighbors>));
}

}  // namespace coscanet
