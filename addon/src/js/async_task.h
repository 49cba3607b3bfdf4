#pragma once
// Calls that wait: on libuv's pool, with a promise for the caller.
#include "js/convert.h"

namespace coscanet {

/// Runs `work` off the loop, then settles a promise: rejected with its errno, or resolved with `result(env)`.
template <typename Work, typename Result>
class Task : public Napi::AsyncWorker {
 public:
  Task(Napi::Env env, const char* what, Work work, Result result)
      : Napi::AsyncWorker(env),
        deferred_(Napi::Promise::Deferred::New(env)),
        what_(what),
        work_(work),
        result_(result) {}

  Napi::Promise start() {
    Queue();
    return deferred_.Promise();
  }

 private:
  void Execute() override { error_ = work_(); }
  void OnOK() override {
    if (error_)
      deferred_.Reject(system_error(Env(), error_, what_).Value());
    else
      deferred_.Resolve(result_(Env()));
  }

  Napi::Promise::Deferred deferred_;
  const char* what_;
  Work work_;
  Result result_;
  int error_ = 0;
};

template <typename Work, typename Result>
Napi::Value run_async(Napi::Env env, const char* what, Work work, Result result) {
  return (new Task<Work, Result>(env, what, work, result))->start();  // frees itself
}

}  // namespace coscanet
