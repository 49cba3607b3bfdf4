#pragma once
#include "core/bytes.h"

namespace coscanet {

struct InterfaceAddress {
  int index = 0;
  Mac mac{};
};

/// Index and MAC of an Ethernet interface. 0, or an errno (ENODEV).
int find_interface(const char* name, InterfaceAddress* out);

}  // namespace coscanet
