// addon/agent.ts, the synchronous part: facts about sockets, bind, dumps.
#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <vector>

#include "js/agent.h"
#include "js/convert.h"
#include "js/init.h"
#include "node/sock_diag.h"
#include "node/socket.h"

namespace coscanet {

static const char* family_name(int family) {
  return family == AF_INET ? "inet" : family == AF_INET6 ? "inet6" : "other";
}

static const char* protocol_name(int protocol) {
  return protocol == IPPROTO_TCP ? "tcp" : protocol == IPPROTO_UDP ? "udp" : "other";
}

static Napi::Value GetSocketFacts(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  SocketFacts facts;
  uint32_t descriptor;
  if (!read_u32(info[0], "descriptor", &descriptor)) return env.Undefined();
  int result = read_socket_facts(static_cast<int>(descriptor), &facts);
  if (result < 0) return throw_result(env, result, "getsockopt");
  Napi::Object object = Napi::Object::New(env);
  object.Set("cookie", Napi::BigInt::New(env, facts.cookie));
  object.Set("family", family_name(facts.family));
  object.Set("protocol", protocol_name(facts.protocol));
  object.Set("v6only", facts.v6only);
  object.Set("reusePort", facts.reuse_port);
  object.Set("reuseAddress", facts.reuse_address);
  object.Set("sameNamespace", facts.same_namespace);
  object.Set("localAddress", facts.local_address);
  object.Set("localPort", static_cast<double>(facts.local_port));
  object.Set("virtualAddress", virtual_address(env, read_virtual_address(static_cast<int>(descriptor))));
  return object;
}

static Napi::Value BindPassedSocket(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  uint32_t descriptor, port, uid = 0;
  std::string address;
  if (!read_u32(info[0], "descriptor", &descriptor) || !read_string(info[1], "address", &address) ||
      !read_u32(info[2], "port", &port) || (!info[3].IsNull() && !read_u32(info[3], "shareUid", &uid)))
    return env.Undefined();
  if (port > 65535) {
    type_error(env, "port must be at most 65535");
    return env.Undefined();
  }
  std::optional<uid_t> share_uid;
  if (!info[3].IsNull()) share_uid = uid;
  return errno_value(
      env, bind_socket(static_cast<int>(descriptor), address, static_cast<uint16_t>(port), share_uid));
}

static Napi::Value to_array(Napi::Env env, const std::vector<SocketInfo>& sockets) {
  Napi::Array array = Napi::Array::New(env, sockets.size());
  for (uint32_t i = 0; i < sockets.size(); i++) {
    const SocketInfo& socket = sockets[i];
    Napi::HandleScope scope(env);
    Napi::Object object = Napi::Object::New(env);
    object.Set("cookie", Napi::BigInt::New(env, socket.cookie));
    object.Set("family", socket.family == AF_INET ? 4 : 6);
    object.Set("protocol", protocol_name(socket.protocol));
    object.Set("address", socket.address);
    object.Set("port", static_cast<double>(socket.port));
    object.Set("uid", static_cast<double>(socket.uid));
    object.Set("inode", static_cast<double>(socket.inode));
    object.Set("cgroup", Napi::BigInt::New(env, socket.cgroup));
    object.Set("receiveQueue", static_cast<double>(socket.receive_queue));
    array.Set(i, object);
  }
  return array;
}

template <SocketState state>
static Napi::Value Dump(const Napi::CallbackInfo& info) {
  std::vector<SocketInfo> sockets;
  int result = dump_sockets(state, &sockets);
  return result < 0 ? throw_result(info.Env(), result, "sock_diag") : to_array(info.Env(), sockets);
}

static Napi::Value DumpUnaccepted(const Napi::CallbackInfo& info) {
  std::vector<SocketInfo> sockets;
  int result = dump_unaccepted(&sockets);
  return result < 0 ? throw_result(info.Env(), result, "sock_diag") : to_array(info.Env(), sockets);
}

static Napi::Value AddressInUse(const Napi::CallbackInfo& info) {
  std::string address;
  if (!read_string(info[0], "address", &address)) return info.Env().Undefined();
  int result = is_in_use(address);
  if (result < 0) return throw_result(info.Env(), result, "sock_diag");
  return Napi::Boolean::New(info.Env(), result > 0);
}

void InitAgent(Napi::Env env, Napi::Object exports) {
  exports.Set("socketFacts", Napi::Function::New(env, GetSocketFacts, "socketFacts"));
  exports.Set("bindSocket", Napi::Function::New(env, BindPassedSocket, "bindSocket"));
  exports.Set("bindNat", Napi::Function::New(env, BindNat, "bindNat"));
  exports.Set("bindInBlock", Napi::Function::New(env, BindInBlock, "bindInBlock"));
  exports.Set("portsInUse", Napi::Function::New(env, PortsInUse, "portsInUse"));
  exports.Set("endedConnections", Napi::Function::New(env, EndedConnections, "endedConnections"));
  exports.Set("liveConnections", Napi::Function::New(env, LiveConnections, "liveConnections"));
  exports.Set("readConnections", Napi::Function::New(env, ReadConnections, "readConnections"));
  exports.Set("virtualAddressIn", Napi::Function::New(env, VirtualAddressIn, "virtualAddressIn"));
  exports.Set("listeners", Napi::Function::New(env, Dump<SocketState::kListen>, "listeners"));
  exports.Set("boundSockets", Napi::Function::New(env, Dump<SocketState::kBound>, "boundSockets"));
  exports.Set("datagramSockets",
              Napi::Function::New(env, Dump<SocketState::kUnconnected>, "datagramSockets"));
  exports.Set("connectedDatagramSockets",
              Napi::Function::New(env, Dump<SocketState::kConnected>, "connectedDatagramSockets"));
  exports.Set("unacceptedConnections", Napi::Function::New(env, DumpUnaccepted, "unacceptedConnections"));
  exports.Set("addressInUse", Napi::Function::New(env, AddressInUse, "addressInUse"));
  exports.Set("listenShim", Napi::Function::New(env, ListenForPrograms, "listenShim"));
  exports.Set("listenLoad", Napi::Function::New(env, ListenForLoad, "listenLoad"));
  exports.Set("watchDestroyed", Napi::Function::New(env, WatchDestroyed, "watchDestroyed"));
}

}  // namespace coscanet
