// addon/router.ts: packet sockets, and the forwarding loop in a thread of its own.
#include <memory>
#include <thread>
#include <vector>

#include "device/af_packet.h"
#include "device/forwarder.h"
#include "host/segment_file.h"
#include "js/convert.h"
#include "js/init.h"

namespace coscanet {
namespace {

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

/// A running loop. It owns itself: freed when the thread has ended and JavaScript has been told.
class ForwarderThread {
 public:
  ForwarderThread(Napi::Env env, const MappedSegment& segment, unsigned index, ForwarderOptions options)
      : segment_(segment),
        index_(index),
        options_(std::move(options)),
        deferred_(Napi::Promise::Deferred::New(env)) {
    done_ = Napi::ThreadSafeFunction::New(env, Napi::Function::New(env, [](const Napi::CallbackInfo&) {}),
                                          "coscanet forwarder", 0, 1);
  }

  static void start(const std::shared_ptr<ForwarderThread>& self) {
    self->thread_ = std::thread([self] {
      const int error = run_forwarder(Segment::contiguous(self->segment_.memory), self->index_,
                                      self->options_, self->stop_);
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
  ForwarderOptions options_;
  std::atomic<bool> stop_{false};
  Napi::Promise::Deferred deferred_;
  Napi::ThreadSafeFunction done_;
  std::thread thread_;
};

Napi::Value StartForwarder(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Object options;
  uint32_t segment_descriptor, index;
  ForwarderOptions forwarder;
  std::vector<int> descriptors;
  if (!read_object(info[0], "options", &options) ||
      !read_u32(options.Get("segmentDescriptor"), "segmentDescriptor", &segment_descriptor) ||
      !read_u32(options.Get("index"), "index", &index) ||
      !read_numbers(options.Get("descriptors"), "descriptors", &descriptors) ||
      (options.Has("spinMicroseconds") &&
       !read_u32(options.Get("spinMicroseconds"), "spinMicroseconds", &forwarder.spin_us)))
    return env.Undefined();
  if (descriptors.empty() || descriptors.size() > kInterfaces) {
    type_error(env, "one to three descriptors");
    return env.Undefined();
  }
  MappedSegment segment;
  if (const int error = map_segment(static_cast<int>(segment_descriptor), &segment))
    return throw_system(env, error, "segment descriptor");
  if (index >= Segment::contiguous(segment.memory).header().limits.forwarders) {
    segment.descriptor = -1;  // the caller's
    close_segment(&segment);
    type_error(env, "no such forwarder in the segment");
    return env.Undefined();
  }
  for (const int descriptor : descriptors)
    forwarder.devices.push_back([descriptor](const DeviceContext& context, std::unique_ptr<Device>* device) {
      return AfPacketDevice::open(descriptor, context, device);
    });

  auto thread = std::make_shared<ForwarderThread>(env, segment, index, std::move(forwarder));
  Napi::Object out = Napi::Object::New(env);
  out.Set("done", thread->promise());
  out.Set("stop", Napi::Function::New(env, [thread](const Napi::CallbackInfo&) { thread->stop(); }));
  ForwarderThread::start(thread);
  return out;
}

}  // namespace

void InitForwarder(Napi::Env env, Napi::Object exports) {
  exports.Set("openPacketSockets", Napi::Function::New(env, OpenPacketSockets));
  exports.Set("startForwarder", Napi::Function::New(env, StartForwarder));
}

}  // namespace coscanet
