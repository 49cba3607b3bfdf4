// A descriptor watched by Node's own event loop.
#include "js/poll_handle.h"

#include <unistd.h>

#include <cstddef>
#include <utility>
#include <vector>

// The part of libuv's ABI (stable throughout 1.x) that is used here.
extern "C" {
struct uv_loop_s;
size_t uv_handle_size(int type);
void uv_handle_set_data(uv_poll_s* handle, void* data);
void* uv_handle_get_data(const uv_poll_s* handle);
int uv_poll_init(uv_loop_s* loop, uv_poll_s* handle, int fd);
int uv_poll_start(uv_poll_s* handle, int events, void (*callback)(uv_poll_s*, int, int));
void uv_close(uv_poll_s* handle, void (*callback)(uv_poll_s*));
}

namespace coscanet {

constexpr int kUvPoll = 8;      // UV_POLL
constexpr int kUvReadable = 1;  // UV_READABLE

PollHandle::PollHandle(Napi::Env env, int fd, std::function<void()> on_readable)
    : env_(env),
      fd_(fd),
      on_readable_(std::move(on_readable)),
      memory_(new std::max_align_t[uv_handle_size(kUvPoll) / sizeof(std::max_align_t) + 1]) {}

PollHandle* PollHandle::open(Napi::Env env, int fd, std::function<void()> on_readable) {
  uv_loop_s* loop = nullptr;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) return nullptr;
  auto* self = new PollHandle(env, fd, std::move(on_readable));
  auto* handle = reinterpret_cast<uv_poll_s*>(self->memory_.get());
  if (uv_poll_init(loop, handle, fd) != 0) {
    delete self;
    return nullptr;
  }
  uv_handle_set_data(handle, self);
  uv_poll_start(handle, kUvReadable, on_poll);
  napi_add_async_cleanup_hook(env, on_environment_end, self, &self->hook_);
  return self;
}

void PollHandle::close() {
  if (closing_) return;
  closing_ = true;
  uv_close(reinterpret_cast<uv_poll_s*>(memory_.get()), on_closed);
}

void PollHandle::on_poll(uv_poll_s* handle, int status, int) {
  auto* self = static_cast<PollHandle*>(uv_handle_get_data(handle));
  if (self->closing_) return;
  Napi::HandleScope scope(self->env_);
  // libuv stops at a socket's error (ENOBUFS of netlink); whoever reads it takes it away.
  if (status != 0) uv_poll_start(handle, kUvReadable, on_poll);
  self->on_readable_();
}

void PollHandle::on_environment_end(napi_async_cleanup_hook_handle, void* data) {
  static_cast<PollHandle*>(data)->close();
}

void PollHandle::on_closed(uv_poll_s* handle) {
  auto* self = static_cast<PollHandle*>(uv_handle_get_data(handle));
  napi_remove_async_cleanup_hook(self->hook_);
  ::close(self->fd_);
  delete self;
}

void call_back(const Napi::FunctionReference& function,
               const std::function<std::vector<napi_value>(Napi::Env)>& make) {
  Napi::Env env = function.Env();
  Napi::HandleScope scope(env);
  Napi::AsyncContext context(env, "coscanet");
  function.MakeCallback(env.Global(), make(env), context);
  if (env.IsExceptionPending()) napi_fatal_exception(env, env.GetAndClearPendingException().Value());
}

}  // namespace coscanet
