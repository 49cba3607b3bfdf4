// The byte code of inet_diag: each operation says how far to go on for yes and for no; who arrives exactly at
// the end is reported, who jumps 4 bytes past it is not.
#include "node/diag_request.h"

#include <string.h>

#include <algorithm>

namespace coscanet {

DiagRequest::DiagRequest(int family, int protocol, uint32_t states) {
  header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  header.nlmsg_len = offsetof(DiagRequest, attributes);
  body.sdiag_family = static_cast<uint8_t>(family);
  body.sdiag_protocol = static_cast<uint8_t>(protocol);
  body.idiag_states = states;
}

namespace {

// An inet_diag_hostcond, whose address is of flexible length, for IPv4.
struct AddressIs {
  inet_diag_bc_op operation;
  uint8_t family, prefix_length;
  int port;  // -1: any
  in_addr address;
};
static_assert(offsetof(AddressIs, port) == sizeof(inet_diag_bc_op) + offsetof(inet_diag_hostcond, port));
static_assert(offsetof(AddressIs, address) == sizeof(inet_diag_bc_op) + sizeof(inet_diag_hostcond));

struct PortIs {
  inet_diag_bc_op operation;
  inet_diag_bc_op port;  // in `no`
};

struct LocalEndIs {
  AddressIs address;
  PortIs at_least, at_most;
};

template <typename T>
constexpr inet_diag_bc_op operation(int code, size_t offset) {
  return {static_cast<unsigned char>(code), sizeof(T),
          static_cast<unsigned short>(sizeof(LocalEndIs) - offset + 4)};
}

}  // namespace

void filter_by_local_end(DiagRequest* request, const LocalEnd& local) {
  LocalEndIs code{};
  code.address.operation = operation<AddressIs>(INET_DIAG_BC_S_COND, offsetof(LocalEndIs, address));
  code.address.family = AF_INET;
  code.address.prefix_length = 32;
  code.address.port = -1;
  code.address.address = local.address;
  code.at_least.operation = operation<PortIs>(INET_DIAG_BC_S_GE, offsetof(LocalEndIs, at_least));
  code.at_least.port.no = local.first_port;
  code.at_most.operation = operation<PortIs>(INET_DIAG_BC_S_LE, offsetof(LocalEndIs, at_most));
  code.at_most.port.no = local.last_port;
  constexpr rtattr kAttribute = {RTA_LENGTH(sizeof code), INET_DIAG_REQ_BYTECODE};
  static_assert(sizeof kAttribute + sizeof code <= sizeof request->attributes);
  char* out = request->attributes;
  out = std::copy_n(reinterpret_cast<const char*>(&kAttribute), sizeof kAttribute, out);
  out = std::copy_n(reinterpret_cast<const char*>(&code), sizeof code, out);
  request->header.nlmsg_len += static_cast<uint32_t>(out - request->attributes);
}

uint64_t socket_cookie_of(const inet_diag_msg* message) {
  return static_cast<uint64_t>(message->id.idiag_cookie[1]) << 32 | message->id.idiag_cookie[0];
}

uint64_t cgroup_of(const nlmsghdr* header) {
  auto* message = static_cast<const inet_diag_msg*>(NLMSG_DATA(header));
  auto rest = header->nlmsg_len - NLMSG_LENGTH(sizeof *message);
  for (auto* attribute = reinterpret_cast<const rtattr*>(message + 1); RTA_OK(attribute, rest);
       attribute = RTA_NEXT(attribute, rest)) {
    if (attribute->rta_type != INET_DIAG_CGROUP_ID) continue;
    uint64_t cgroup;
    memcpy(&cgroup, RTA_DATA(attribute), sizeof cgroup);
    return cgroup;
  }
  return 0;
}

}  // namespace coscanet
