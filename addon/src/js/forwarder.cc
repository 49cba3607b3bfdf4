// addon/router.ts: packet sockets, processes, and the forwarding loop in a thread of its own.
#include <unistd.h>

#include <memory>
#include <thread>
#include <vector>

#include "device/af_packet.h"
#include "device/forwarder.h"
#include "device/lock_file.h"
#include "device/process.h"
#include "device/segment_file.h"
#include "js/convert.h"
#include "js/init.h"

namespace coscanet {
namespace {

Napi::Array number_array(Napi::Env env, const std::vector<int>& numbers) {
  Napi::Array out = Napi::Array::New(env, numbers.size());
  for (uint32_t i = 0; i < numbers.size(); ++i) out.Set(i, static_cast<double>(numbers[i]));
  return out;
}

bool read_numbers(const Napi::Value& value, const char* name, std::vector<int>* out) {
  Napi::Array list;
  if (!read_list(value, name, &list)) return false;
  for (uint32_t i = 0; i < list.Length(); ++i) {
    uint32_t number;
    if (!read_u32(list.Get(i), name, &number)) return false;
    out->push_back(static_cast<int>(number));
  }
  return true;
}

Napi::Value OpenPacketSockets(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Object options;
  std::string name;
  uint32_t count, slots = kDefaultSlots;
  if (!read_object(info[0], "options", &options) ||
      !read_string(options.Get("interface"), "interface", &name) ||
      !read_u32(options.Get("count"), "count", &count) ||
      (options.Has("slots") && !read_u32(options.Get("slots"), "slots", &slots)))
    return env.Undefined();
  if (count < 1 || count > FlowTable::kForwarders || slots < 32 || slots > 1u << 20 ||
      (slots & (slots - 1))) {
    type_error(env, "count must be 1 to 16, slots a power of two from 32 to 1048576");
    return env.Undefined();
  }
  std::vector<int> descriptors(count, -1);
  if (const int error = open_packet_sockets(name.c_str(), slots, descriptors.data(), count))
    return throw_system(env, error, "packet socket on " + name);
  return number_array(env, descriptors);
}

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

/// A running loop. It owns itself: freed when the thread has ended and JavaScript has been told.
class ForwarderThread {
 public:
  ForwarderThread(Napi::Env env, const MappedSegment& segment, unsigned index, const ForwarderPorts& ports,
                  uint32_t spin_us)
      : segment_(segment),
        index_(index),
        ports_(ports),
        spin_us_(spin_us),
        deferred_(Napi::Promise::Deferred::New(env)) {
    done_ = Napi::ThreadSafeFunction::New(env, Napi::Function::New(env, [](const Napi::CallbackInfo&) {}),
                                          "coscanet forwarder", 0, 1);
  }

  static void start(const std::shared_ptr<ForwarderThread>& self) {
    self->thread_ = std::thread([self] {
      const int error = run_forwarder(Segment(self->segment_.memory), self->index_, self->ports_,
                                      self->spin_us_, self->stop_);
      self->done_.BlockingCall([self, error](Napi::Env env, Napi::Function) { self->finish(env, error); });
      self->done_.Release();
    });
    self->thread_.detach();
  }

  Napi::Promise promise() const { return deferred_.Promise(); }
  void stop() { stop_.store(true); }

 private:
  void finish(Napi::Env env, int error) {
    // The segment's descriptor was handed in by the caller and stays his.
    segment_.descriptor = -1;
    close_segment(&segment_);
    if (error)
      deferred_.Reject(system_error(env, error, "forwarder").Value());
    else
      deferred_.Resolve(env.Undefined());
  }

  MappedSegment segment_;
  unsigned index_;
  ForwarderPorts ports_;
  uint32_t spin_us_;
  std::atomic<bool> stop_{false};
  Napi::Promise::Deferred deferred_;
  Napi::ThreadSafeFunction done_;
  std::thread thread_;
};

Napi::Value StartForwarder(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Object options;
  uint32_t segment_descriptor, index, spin_us = 0;
  std::vector<int> descriptors;
  if (!read_object(info[0], "options", &options) ||
      !read_u32(options.Get("segmentDescriptor"), "segmentDescriptor", &segment_descriptor) ||
      !read_u32(options.Get("index"), "index", &index) ||
      !read_numbers(options.Get("descriptors"), "descriptors", &descriptors) ||
      (options.Has("spinMicroseconds") &&
       !read_u32(options.Get("spinMicroseconds"), "spinMicroseconds", &spin_us)))
    return env.Undefined();
  if (descriptors.empty() || descriptors.size() > kInterfaces) {
    type_error(env, "one to three descriptors");
    return env.Undefined();
  }
  MappedSegment segment;
  if (const int error = map_segment(static_cast<int>(segment_descriptor), &segment))
    return throw_system(env, error, "segment descriptor");
  if (index >= Segment(segment.memory).header().limits.forwarders) {
    segment.descriptor = -1;  // the caller's
    close_segment(&segment);
    type_error(env, "no such forwarder in the segment");
    return env.Undefined();
  }
  ForwarderPorts ports;
  for (const int descriptor : descriptors) ports.descriptors[ports.count++] = descriptor;

  auto thread = std::make_shared<ForwarderThread>(env, segment, index, ports, spin_us);
  Napi::Object out = Napi::Object::New(env);
  out.Set("done", thread->promise());
  out.Set("stop", Napi::Function::New(env, [thread](const Napi::CallbackInfo&) { thread->stop(); }));
  ForwarderThread::start(thread);
  return out;
}

}  // namespace

void InitForwarder(Napi::Env env, Napi::Object exports) {
  exports.Set("openPacketSockets", Napi::Function::New(env, OpenPacketSockets));
  exports.Set("closeDescriptor", Napi::Function::New(env, CloseDescriptor));
  exports.Set("takeDescriptors", Napi::Function::New(env, TakeDescriptors));
  exports.Set("processStartTime", Napi::Function::New(env, ProcessStartTime));
  exports.Set("lockFile", Napi::Function::New(env, LockFile));
  exports.Set("startForwarder", Napi::Function::New(env, StartForwarder));
}

}  // namespace coscanet
