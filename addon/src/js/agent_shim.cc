// listenShim of addon/agent.ts: programs that pass their sockets.
//
//   listener ──accept──► connection ──request──► onRequest({…, reply, gone}) ──reply──► answer, connection
//   closed
#include <errno.h>
#include <unistd.h>

#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "abi/shim_protocol.h"
#include "js/agent.h"
#include "js/convert.h"
#include "js/poll_handle.h"
#include "node/shim_socket.h"

namespace coscanet {

namespace {

// Programs that have connected and sent nothing yet. Any local user may connect; who floods only delays
// others.
constexpr size_t kMaxSilent = 512;

// One program waiting for its answer. Closed by the answer, or when JavaScript drops the request.
struct Connection {
  int fd;
  explicit Connection(int descriptor) : fd(descriptor) {}
  ~Connection() { close(); }
  void close() {
    if (fd >= 0) ::close(fd);
    fd = -1;
  }
};

const char* kind_name(int kind) {
  return kind == COSCANET_BIND      ? "bind"
         : kind == COSCANET_LISTEN  ? "listen"
         : kind == COSCANET_CONNECT ? "connect"
                                    : "send";
}

// What an answer holds for; false if it is none of addon/agent.ts.
bool read_scope(const Napi::Value& value, uint32_t* flags) {
  std::string scope = "call";
  if (!value.IsUndefined() && !read_string(value, "scope", &scope)) return false;
  *flags = scope == "kernel"   ? COSCANET_ANSWER_KERNEL
           : scope == "remote" ? COSCANET_ANSWER_REMOTE
           : scope == "socket" ? COSCANET_ANSWER_SOCKET
                               : 0;
  return *flags != 0 || scope == "call" || type_error(value.Env(), "scope is unknown: " + scope);
}

Napi::Object make_request(Napi::Env env, const ShimMessage& message, int fd) {
  auto connection = std::make_shared<Connection>(fd);
  Napi::Object request = Napi::Object::New(env);
  request.Set("kind", kind_name(message.kind));
  request.Set("retry", message.is_retry);
  request.Set("exhausted", message.is_exhausted);
  request.Set("descriptor", message.descriptor);
  request.Set("address", Napi::Buffer<uint8_t>::Copy(env, message.address.data(), message.address.size()));
  request.Set("pid", message.pid);
  request.Set("uid", static_cast<double>(message.uid));
  request.Set("gone", Napi::Function::New(env, [connection](const Napi::CallbackInfo& info) {
                return Napi::Boolean::New(info.Env(), connection->fd < 0 || has_hung_up(connection->fd));
              }));
  request.Set("reply", Napi::Function::New(env, [connection](const Napi::CallbackInfo& info) {
                uint32_t error = 0, flags = 0;
                std::string reason;
                if (!read_u32(info[0], "errno", &error) || !read_string(info[1], "reason", &reason) ||
                    !read_scope(info[2], &flags))
                  return;
                if (connection->fd >= 0) send_answer(connection->fd, static_cast<int>(error), reason, flags);
                connection->close();
              }));
  return request;
}

class Server : public std::enable_shared_from_this<Server> {
 public:
  explicit Server(Napi::Function on_request) : on_request_(Napi::Persistent(on_request)) {}

  bool start(Napi::Env env, int fd) {
    auto self = shared_from_this();
    listener_ = PollHandle::open(env, fd, [self, env] { self->accept(env); });
    return listener_ != nullptr;
  }

  void close() {
    if (listener_ != nullptr) listener_->close();
    listener_ = nullptr;
    for (PollHandle* silent : silent_) silent->close();
    silent_.clear();
  }

 private:
  void accept(Napi::Env env) {
    while (silent_.size() < kMaxSilent) {
      int fd = accept_shim(listener_->fd());
      if (fd == -ECONNABORTED || fd == -EINTR) continue;
      if (fd < 0) return;
      // Most programs have sent their request by now: no need to ask the loop.
      if (try_receive(fd)) {
        if (listener_ == nullptr) return;
        continue;
      }
      auto self = shared_from_this();
      auto place = std::make_shared<PollHandle*>(nullptr);
      *place = PollHandle::open(env, fd, [self, place] { self->read(*place); });
      if (*place == nullptr) {
        ::close(fd);
      } else {
        silent_.insert(*place);
      }
    }
    // Too many silent ones: the kernel's queue holds the next, and these are dropped.
    for (PollHandle* silent : silent_) silent->close();
    silent_.clear();
  }

  // The handle owns its descriptor, the request needs one of its own.
  void read(PollHandle* handle) {
    int fd = dup(handle->fd());
    if (fd >= 0 && !try_receive(fd)) {
      ::close(fd);
      return;
    }
    if (silent_.erase(handle) > 0) handle->close();
  }

  // True if the connection has been taken care of: handed to JavaScript, or closed because it spoke nonsense.
  bool try_receive(int fd) {
    ShimMessage message;
    int result = receive_request(fd, &message);
    if (result == -EAGAIN) return false;
    if (result < 0) {
      ::close(fd);
      return true;
    }
    call_back(on_request_,
              [&](Napi::Env env) { return std::vector<napi_value>{make_request(env, message, fd)}; });
    return true;
  }

  Napi::FunctionReference on_request_;
  PollHandle* listener_ = nullptr;
  std::set<PollHandle*> silent_;
};

}  // namespace

Napi::Value ListenForPrograms(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  std::string name;
  if (!read_string(info[0], "name", &name)) return env.Undefined();
  if (!info[1].IsFunction()) {
    type_error(env, "onRequest must be a function");
    return env.Undefined();
  }
  int fd = listen_shim(name);
  if (fd < 0) return throw_result(env, fd, "@" + name);
  auto server = std::make_shared<Server>(info[1].As<Napi::Function>());
  if (!server->start(env, fd)) return throw_result(env, -EINVAL, "event loop");
  Napi::Object object = Napi::Object::New(env);
  object.Set("close", Napi::Function::New(env, [server](const Napi::CallbackInfo&) { server->close(); }));
  return object;
}

}  // namespace coscanet
