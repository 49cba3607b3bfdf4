// Dumps of sockets by state or local address.
#include "node/sock_diag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include <algorithm>
#include <cstddef>

#include "node/netlink.h"

namespace coscanet {

// TCP_BOUND_INACTIVE (Linux 6.8); headers of Debian 12 do not have it.
constexpr uint32_t kBoundInactive = 13;
constexpr int kDumpAttempts = 5;

struct Request {
  nlmsghdr header{};
  inet_diag_req_v2 body{};
  // Only when a filter is attached: one INET_DIAG_REQ_BYTECODE attribute.
  alignas(4) char attributes[64] = {};
};

static Request make_request(int family, int protocol, uint32_t states) {
  Request request;
  request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.header.nlmsg_len = offsetof(Request, attributes);
  request.body.sdiag_family = static_cast<uint8_t>(family);
  request.body.sdiag_protocol = static_cast<uint8_t>(protocol);
  request.body.idiag_states = states;
  return request;
}

// Attaches "local address is `address`/32", which matches IPv4-mapped addresses of IPv6 sockets as well.
static void filter_by_address(Request* request, in_addr address) {
  constexpr uint8_t kLength = sizeof(inet_diag_bc_op) + sizeof(inet_diag_hostcond) + sizeof(in_addr);
  constexpr rtattr kAttribute = {RTA_LENGTH(kLength), INET_DIAG_REQ_BYTECODE};
  constexpr inet_diag_bc_op kOperation = {INET_DIAG_BC_S_COND, kLength,
                                          kLength + 4};  // past the end: no match
  inet_diag_hostcond condition{};
  condition.family = AF_INET;
  condition.prefix_len = 32;
  condition.port = -1;
  char* out = request->attributes;
  auto append = [&out](const void* bytes, size_t length) {
    out = std::copy_n(static_cast<const char*>(bytes), length, out);
  };
  append(&kAttribute, sizeof kAttribute);
  append(&kOperation, sizeof kOperation);
  append(&condition, sizeof condition);
  append(&address, sizeof address);
  request->header.nlmsg_len += static_cast<uint32_t>(out - request->attributes);
}

static uint64_t read_cgroup(const nlmsghdr* header) {
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

static SocketInfo read_info(const nlmsghdr* header, int protocol) {
  auto* message = static_cast<const inet_diag_msg*>(NLMSG_DATA(header));
  SocketInfo info;
  char text[INET6_ADDRSTRLEN] = "";
  auto* v6 = reinterpret_cast<const in6_addr*>(message->id.idiag_src);
  bool is_mapped = message->idiag_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(v6);
  info.family = is_mapped ? AF_INET : message->idiag_family;
  inet_ntop(info.family, is_mapped ? &message->id.idiag_src[3] : &message->id.idiag_src[0], text,
            sizeof text);
  info.address = text;
  info.cookie = static_cast<uint64_t>(message->id.idiag_cookie[1]) << 32 | message->id.idiag_cookie[0];
  info.protocol = protocol;
  info.port = ntohs(message->id.idiag_sport);
  info.uid = message->idiag_uid;
  info.inode = message->idiag_inode;
  info.cgroup = read_cgroup(header);
  info.receive_queue = message->idiag_rqueue;
  return info;
}

static int dump_family(int family, int protocol, uint32_t states, std::vector<SocketInfo>* sockets) {
  Request request = make_request(family, protocol, states);
  size_t before = sockets->size();
  for (int attempt = 0;; attempt++) {
    int result = dump(&request.header, [&](const nlmsghdr* message) {
      sockets->push_back(read_info(message, protocol));
      return true;
    });
    if (result != -EINTR || attempt == kDumpAttempts) return result;
    sockets->resize(before);
  }
}

int dump_sockets(SocketState state, std::vector<SocketInfo>* sockets) {
  bool is_tcp = state == SocketState::kListen || state == SocketState::kBound;
  int protocol = is_tcp ? IPPROTO_TCP : IPPROTO_UDP;
  uint32_t kernel_state = state == SocketState::kListen      ? static_cast<uint32_t>(TCP_LISTEN)
                          : state == SocketState::kBound     ? kBoundInactive
                          : state == SocketState::kConnected ? static_cast<uint32_t>(TCP_ESTABLISHED)
                                                             : static_cast<uint32_t>(TCP_CLOSE);
  int result = dump_family(AF_INET, protocol, 1u << kernel_state, sockets);
  return result < 0 ? result : dump_family(AF_INET6, protocol, 1u << kernel_state, sockets);
}

int dump_untaken(std::vector<SocketInfo>* sockets) {
  constexpr uint32_t kStates = 1u << TCP_ESTABLISHED | 1u << TCP_CLOSE_WAIT;
  int result = dump_family(AF_INET, IPPROTO_TCP, kStates, sockets);
  if (result == 0) result = dump_family(AF_INET6, IPPROTO_TCP, kStates, sockets);
  auto is_taken = [](const SocketInfo& socket) { return socket.inode != 0; };
  sockets->erase(std::remove_if(sockets->begin(), sockets->end(), is_taken), sockets->end());
  return result;
}

int is_address_in_use(const std::string& address) {
  in_addr wanted{};
  if (inet_pton(AF_INET, address.c_str(), &wanted) != 1) return -EINVAL;
  bool found = false;
  for (int protocol : {IPPROTO_TCP, IPPROTO_UDP}) {
    for (int family : {AF_INET, AF_INET6}) {
      Request request = make_request(family, protocol, ~0u);
      filter_by_address(&request, wanted);
      int result = dump(&request.header, [&](const nlmsghdr*) {
        found = true;
        return false;
      });
      if (found) return 1;
      if (result < 0 && result != -EINTR) return result;
    }
  }
  return 0;
}

}  // namespace coscanet
