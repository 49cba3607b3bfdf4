#pragma once
// A descriptor watched by Node's own event loop, without the headers of libuv (which node-api-headers does
// not bring): only its types' sizes would differ between versions, and libuv tells those itself. Handles end
// with their environment, so workers and repeated loading are safe.
#include <napi.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

struct uv_poll_s;

namespace coscanet {

class PollHandle {
 public:
  // Calls `on_readable` on the loop's thread when `fd` can be read. nullptr: the loop refuses the descriptor.
  // The handle owns `fd` and closes it at its end.
  static PollHandle* open(Napi::Env env, int fd, std::function<void()> on_readable);

  // Stops and frees the handle, soon: not to be used afterwards. May be called from `on_readable`.
  void close();

  int fd() const { return fd_; }

 private:
  PollHandle(Napi::Env env, int fd, std::function<void()> on_readable);
  ~PollHandle() = default;

  static void on_poll(uv_poll_s* handle, int status, int events);
  static void on_environment_end(napi_async_cleanup_hook_handle hook, void* data);
  static void on_closed(uv_poll_s* handle);

  const napi_env env_;
  const int fd_;
  std::function<void()> on_readable_;
  std::unique_ptr<std::max_align_t[]> memory_;  // the uv_poll_t
  napi_async_cleanup_hook_handle hook_ = nullptr;
  bool closing_ = false;
};

// Calls a JavaScript function from the loop; what it throws becomes an uncaught exception, as in any
// callback.
void call_back(const Napi::FunctionReference& function,
               const std::function<std::vector<napi_value>(Napi::Env)>& make);

}  // namespace coscanet
