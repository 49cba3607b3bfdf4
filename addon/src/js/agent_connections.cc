// addon/agent.ts, connections: which of some live, and all of them in parts.
#include <errno.h>

#include <memory>
#include <string>
#include <vector>

#include "js/agent.h"
#include "js/convert.h"
#include "node/connections.h"

namespace coscanet {

static bool read_end(const Napi::Value& value, const char* name, SocketAddress* out) {
  Napi::Object object;
  return read_object(value, name, &object) && read_string(object.Get("address"), "address", &out->address) &&
         read_port(object.Get("port"), "port", &out->port);
}

// Asks the kernel for the state of each pair; what `holds` says of it, in order.
static Napi::Value look_up_each(const Napi::CallbackInfo& info, bool (*holds)(int state)) {
  Napi::Env env = info.Env();
  if (!info[0].IsArray()) {
    type_error(env, "pairs must be an array");
    return env.Undefined();
  }
  auto pairs = info[0].As<Napi::Array>();
  Napi::Array answers = Napi::Array::New(env, pairs.Length());
  ConnectionLookup lookup;
  for (uint32_t i = 0; i < pairs.Length(); i++) {
    Napi::HandleScope scope(env);
    Napi::Object pair;
    SocketAddress local, remote;
    if (!read_object(pairs.Get(i), "pair", &pair) || !read_end(pair.Get("local"), "local", &local) ||
        !read_end(pair.Get("remote"), "remote", &remote))
      return env.Undefined();
    answers.Set(i, Napi::Boolean::New(env, holds(lookup.state(local, remote))));
  }
  return answers;
}

Napi::Value LiveConnections(const Napi::CallbackInfo& info) {
  return look_up_each(info, is_live);
}

Napi::Value EndedConnections(const Napi::CallbackInfo& info) {
  return look_up_each(info, has_ended);
}

static Napi::Object end_value(Napi::Env env, const SocketAddress& end) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("address", end.address);
  object.Set("port", static_cast<double>(end.port));
  return object;
}

static Napi::Value to_array(Napi::Env env, const std::vector<Connection>& connections) {
  Napi::Array array = Napi::Array::New(env, connections.size());
  for (uint32_t i = 0; i < connections.size(); i++) {
    const Connection& connection = connections[i];
    Napi::HandleScope scope(env);
    Napi::Object object = Napi::Object::New(env);
    object.Set("protocol", connection.protocol == IPPROTO_TCP ? "tcp" : "udp");
    object.Set("local", end_value(env, connection.local));
    object.Set("remote", end_value(env, connection.remote));
    object.Set("cookie", Napi::BigInt::New(env, connection.cookie));
    object.Set("inode", static_cast<double>(connection.inode));
    object.Set("cgroup", Napi::BigInt::New(env, connection.cgroup));
    array.Set(i, object);
  }
  return array;
}

Napi::Value ReadConnections(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!info[0].IsArray()) {
    type_error(env, "addresses must be an array");
    return env.Undefined();
  }
  auto given = info[0].As<Napi::Array>();
  std::vector<std::string> addresses(given.Length());
  for (uint32_t i = 0; i < given.Length(); i++)
    if (!read_string(given.Get(i), "address", &addresses[i])) return env.Undefined();
  auto reader = std::make_shared<ConnectionReader>(std::move(addresses));
  return Napi::Function::New(env, [reader](const Napi::CallbackInfo& call) -> Napi::Value {
    uint32_t most;
    if (!read_u32(call[0], "most", &most)) return call.Env().Undefined();
    std::vector<Connection> connections;
    int result = reader->next(most, &connections);
    if (result < 0) return throw_result(call.Env(), result, "sock_diag");
    return to_array(call.Env(), connections);
  });
}

}  // namespace coscanet
