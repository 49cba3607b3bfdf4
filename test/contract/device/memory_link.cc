#include "link.h"

namespace coscanet::test {
namespace {

class MemoryLink : public Link {
 public:
  Device& device() override { return device_; }
  void put(const WireFrame& frame) override { device_.put(frame); }
  std::vector<WireFrame> take(size_t) override { return device_.take(); }
  void congest() override { device_.limit(5, counters()); }

 private:
  MemoryDevice device_{context().interface, true};
};

}  // namespace

std::unique_ptr<Link> open_memory_link() {
  return std::make_unique<MemoryLink>();
}

}  // namespace coscanet::test
