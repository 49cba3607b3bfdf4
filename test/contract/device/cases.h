#pragma once
#include "link.h"

namespace coscanet::test {

struct Case {
  const char* name;
  void (*run)(Link& link);
  bool applies_to(const Abilities& has) const {
    return (has.outlives_process || !needs.outlives_process) && (has.interface || !needs.interface);
  }
  Abilities needs = {false, false};
};

/// The contract: what every device does. The last is nameless.
extern const Case kCases[];

}  // namespace coscanet::test
