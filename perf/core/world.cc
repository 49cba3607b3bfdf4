#include "world.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "core/tcp.h"
#include "device/forwarder.h"
#include "host/clock.h"

namespace coscanet::bench {
namespace {

constexpr unsigned kEndpoints = 16;
constexpr uint32_t kAffinitySeconds = 3600;
constexpr TimeoutsSpec kTimeouts{86400, 86400, 86400, 86400};

Address address(uint8_t a, uint8_t b, uint8_t c, uint8_t d) {
  const uint8_t bytes[] = {a, b, c, d};
  return Address::v4(bytes);
}

uint8_t* map(uint64_t bytes, Pages pages) {
  // Shared memory without a name, which is what a file under /run is.
  const int fd = memfd_create("coscanet-bench", MFD_CLOEXEC);
  if (fd < 0 || ftruncate(fd, static_cast<off_t>(bytes)) != 0) fail("shared memory");
  const bool shared = pages == Pages::small;
  void* memory = shared ? mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
                        : mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  close(fd);
  if (memory == MAP_FAILED) fail("memory for the segment");
  if (!shared && madvise(memory, bytes, MADV_HUGEPAGE) != 0)
    fail("huge pages (transparent_hugepage is never)");
  return static_cast<uint8_t*>(memory);
}

}  // namespace

void fail(const char* what) {
  fprintf(stderr, "core-bench: %s\n", what);
  exit(1);
}

Mac router_mac(unsigned interface) {
  return {2, 0, 10, static_cast<uint8_t>(interface ? 88 : 77), 0, 1};
}
Mac client_mac() {
  return {2, 0, 10, 77, 0, 2};
}
Mac node_mac(unsigned node) {
  return {2, 0, 10, 88, 0, static_cast<uint8_t>(11 + node)};
}
Address vip() {
  return address(10, 77, 0, 100);
}
Address node_address(unsigned node) {
  return address(10, 88, 0, static_cast<uint8_t>(11 + node));
}

World::World(const Kind& kind) : kind_(kind) {
  limits_.flows = kind.table_entries;
  // Twice as many entries as clients, as of flows.
  limits_.affinities = 2u << kAddressBits;
  limits_.endpoints = 64;
  limits_.services = 16;
  limits_.ring_slots = 64;
  limits_.vips = 16;
  limits_.blocks = 64;
  limits_.registry_bytes = 64;
  bytes_ = contiguous_bytes(limits_);
  table_bytes_ = uint64_t{kind.table_entries} * sizeof(FlowEntry);
  memory_ = map(bytes_, kind.pages);
  reset();
}

World::~World() {
  munmap(memory_, bytes_);
}

void World::reset() {
  memset(memory_, 0, bytes_);
  Segment::format(reinterpret_cast<SegmentHeader*>(memory_), limits_,
                  {0x636f7363616e6574, 0x62656e63682d6b65}, "bench");
  segment_ = std::make_unique<Segment>(Segment::contiguous(memory_));
  for (auto& generation : segment_->header().owner_generations) generation.store(1);
  publish();
}

void World::publish() {
  PolicySpec policy;
  policy.interfaces = {
      {InterfaceRole::external, router_mac(0), 1500, address(10, 77, 0, 1), Prefix{24}},
      {InterfaceRole::internal, router_mac(1), 1500, address(10, 88, 0, 1), Prefix{24}},
  };
  policy.vips = {{vip(), true}};
  std::vector<uint32_t> ring;
  for (uint32_t i = 0; i < kEndpoints; ++i) {
    ring.push_back(i);
    policy.endpoints.push_back({i, 1, node_mac(i), 1, true});
    if (kind_.mode == Mode::nat)
      policy.endpoints.back().nat = {Protocol::tcp, node_address(i), kNodePort, vip(), kVipPort};
  }
  policy.services = {{0, vip(), Protocol::tcp, kVipPort, ring, kTimeouts}};
  if (kind_.affinity) policy.services[0].affinity = {1, {32}, {kAffinitySeconds}, ring};
  if (kind_.mode == Mode::nat) {
    policy.routes = true;
    policy.gateway = {client_mac(), 0};
  }
  unsigned index;
  PolicyWriter writer(segment_->free_snapshot(&index), limits_);
  if (const char* problem = writer.write(policy)) fail(problem);
  segment_->activate(index);
}

void World::establish(uint64_t flows) {
  // A SYN of each, then a segment of each: what is left is the steady state.
  for (const uint8_t flags : {tcp::kSyn, tcp::kAck}) {
    const Template headers(Direction::in, flags);
    SlotDevice in(0, headers, Order::sequence(flows)), out(1, headers, Order::sequence(flows));
    Device* devices[] = {&in, &out};
    Pipeline pipeline(*segment_, 0);
    for (uint64_t i = 0; i < flows; i += kBatch) forward_batch(pipeline, boot_ms(), in, devices, 2);
    pipeline.end();
  }
}

uint64_t World::count(Counter counter) const {
  uint64_t sum = 0;
  for (unsigned i = 0; i < FlowTable::kForwarders; ++i)
    sum += Counters(segment_->forwarder(i).counters).get(counter);
  return sum;
}

}  // namespace coscanet::bench
