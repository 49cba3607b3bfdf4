// watchDestroyed of addon/agent.ts.
#include <errno.h>

#include <memory>
#include <vector>

#include "js/agent.h"
#include "js/convert.h"
#include "js/poll_handle.h"
#include "node/sock_diag.h"

namespace coscanet {

namespace {

struct Watcher {
  PollHandle* handle = nullptr;
  bool closed = false;
  Napi::FunctionReference on_destroyed;
  Napi::FunctionReference on_overflow;

  void read() {
    // First all that is there, then the callbacks: they may close the watcher.
    std::vector<uint64_t> cookies;
    int result = read_destroy_events(handle->fd(), [&](uint64_t cookie) { cookies.push_back(cookie); });
    for (uint64_t cookie : cookies) {
      if (closed) return;
      call_back(on_destroyed,
                [=](Napi::Env env) { return std::vector<napi_value>{Napi::BigInt::New(env, cookie)}; });
    }
    if (result < 0 && !closed) call_back(on_overflow, [](Napi::Env) { return std::vector<napi_value>{}; });
  }
};

}  // namespace

Napi::Value WatchDestroyed(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!info[0].IsFunction() || !info[1].IsFunction()) {
    type_error(env, "onDestroyed and onOverflow must be functions");
    return env.Undefined();
  }
  int fd = open_destroy_events();
  if (fd < 0) return throw_result(env, fd, "sock_diag destroy events");
  auto watcher = std::make_shared<Watcher>();
  watcher->on_destroyed = Napi::Persistent(info[0].As<Napi::Function>());
  watcher->on_overflow = Napi::Persistent(info[1].As<Napi::Function>());
  // The handle keeps the watcher alive until its environment ends or close() is called.
  watcher->handle = PollHandle::open(env, fd, [watcher] { watcher->read(); });
  if (watcher->handle == nullptr) return throw_result(env, -EINVAL, "event loop");
  Napi::Object object = Napi::Object::New(env);
  object.Set("close", Napi::Function::New(env, [watcher](const Napi::CallbackInfo&) {
               if (!watcher->closed) watcher->handle->close();
               watcher->closed = true;
             }));
  return object;
}

}  // namespace coscanet
