// addon/router.ts: who processes are, what they hold open and lock.
#include "host/process.h"

#include <unistd.h>

#include <vector>

#include "host/lock_file.h"
#include "js/convert.h"
#include "js/init.h"

namespace coscanet {
namespace {

void CloseDescriptor(const Napi::CallbackInfo& info) {
  uint32_t fd;
  if (read_u32(info[0], "descriptor", &fd)) close(static_cast<int>(fd));
}

Napi::Value TakeDescriptors(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  uint32_t pid;
  std::vector<int> theirs;
  if (!read_u32(info[0], "pid", &pid) || !info[1].IsNumber() ||
      !read_numbers(info[2], "descriptors", &theirs))
    return env.Undefined();
  const auto start = static_cast<uint64_t>(info[1].As<Napi::Number>().Int64Value());
  std::vector<int> ours(theirs.size(), -1);
  if (const int error = take_descriptors(static_cast<int>(pid), start, theirs.data(), ours.data(),
                                         static_cast<unsigned>(theirs.size())))
    return throw_system(env, error, "descriptors of process " + std::to_string(pid));
  return number_array(env, ours);
}

Napi::Value ProcessStartTime(const Napi::CallbackInfo& info) {
  uint32_t pid;
  if (!read_u32(info[0], "pid", &pid)) return info.Env().Undefined();
  return Napi::Number::New(info.Env(), static_cast<double>(process_start_time(static_cast<int>(pid))));
}

/// The descriptor stays open as long as the process lives: that is the lock.
Napi::Value LockFile(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  std::string path;
  if (!read_string(info[0], "path", &path)) return env.Undefined();
  bool locked = false;
  const int error = lock_file(path.c_str(), &locked);
  return error ? throw_system(env, error, "lock file " + path) : Napi::Boolean::New(env, locked);
}

}  // namespace

void InitProcess(Napi::Env env, Napi::Object exports) {
  exports.Set("closeDescriptor", Napi::Function::New(env, CloseDescriptor));
  exports.Set("takeDescriptors", Napi::Function::New(env, TakeDescriptors));
  exports.Set("processStartTime", Napi::Function::New(env, ProcessStartTime));
  exports.Set("lockFile", Napi::Function::New(env, LockFile));
}

}  // namespace coscanet
