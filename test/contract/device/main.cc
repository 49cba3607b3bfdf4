// The contract of packet devices (device/device.h):
//
//   device-contract KIND          the names of its cases, a line each
//   device-contract KIND NAME     runs one; status 0 if the device keeps it
#include <cstdio>
#include <cstring>

#include "cases.h"

using namespace coscanet::test;

namespace {

struct Kind {
  const char* name;
  Abilities abilities;
  std::unique_ptr<Link> (*open)();
};
constexpr Kind kKinds[] = {
    {"memory", kMemoryAbilities, open_memory_link},
    {"af_packet", kAfPacketAbilities, open_af_packet_link},
};

int usage() {
  fprintf(stderr, "usage: device-contract memory|af_packet [CASE]\n");
  return 2;
}

}  // namespace

int main(int count, char** words) {
  if (count < 2) return usage();
  for (const Kind& kind : kKinds) {
    if (strcmp(kind.name, words[1]) != 0) continue;
    for (const Case* c = kCases; c->name; ++c) {
      if (!c->applies_to(kind.abilities)) continue;
      if (count == 2) puts(c->name);
      if (count == 2 || strcmp(c->name, words[2]) != 0) continue;
      c->run(*kind.open());
      return 0;
    }
    if (count == 2) return 0;
  }
  return usage();
}
