// listenLoad of addon/agent.ts: instances that say how busy they are.
#include <errno.h>

#include <memory>
#include <string>
#include <vector>

#include "js/agent.h"
#include "js/convert.h"
#include "js/poll_handle.h"
#include "node/load_socket.h"

namespace coscanet {

namespace {

// Any local user may send; between so many messages everything else has its turn.
constexpr int kMessagesAtOnce = 16;

struct LoadServer : std::enable_shared_from_this<LoadServer> {
  PollHandle* handle = nullptr;
  Napi::FunctionReference on_message;

  void read() {
    LoadMessage message;
    for (int i = 0; i < kMessagesAtOnce && handle != nullptr; i++) {
      if (receive_load(handle->fd(), &message) < 0) return;
      auto self = shared_from_this();
      call_back(on_message, [&](Napi::Env env) {
        Napi::Object object = Napi::Object::New(env);
        object.Set("pid", message.pid);
        object.Set("text", message.text);
        object.Set("reply", Napi::Function::New(env, [self, message](const Napi::CallbackInfo& info) {
                     std::string answer;
                     if (!read_string(info[0], "answer", &answer) || self->handle == nullptr) return;
                     answer_load(self->handle->fd(), message, answer);
                   }));
        return std::vector<napi_value>{object};
      });
    }
  }
};

}  // namespace

Napi::Value ListenForLoad(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  std::string name;
  if (!read_string(info[0], "name", &name)) return env.Undefined();
  if (!info[1].IsFunction()) {
    type_error(env, "onMessage must be a function");
    return env.Undefined();
  }
  int fd = listen_load(name);
  if (fd < 0) return throw_result(env, fd, "@" + name);
  auto server = std::make_shared<LoadServer>();
  server->on_message = Napi::Persistent(info[1].As<Napi::Function>());
  server->handle = PollHandle::open(env, fd, [server] { server->read(); });
  if (server->handle == nullptr) return throw_result(env, -EINVAL, "event loop");
  Napi::Object object = Napi::Object::New(env);
  object.Set("close", Napi::Function::New(env, [server](const Napi::CallbackInfo&) {
               if (server->handle != nullptr) server->handle->close();
               server->handle = nullptr;
             }));
  return object;
}

}  // namespace coscanet
