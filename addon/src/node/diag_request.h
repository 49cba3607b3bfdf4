#pragma once
// Requests to the kernel's socket diagnostics, and the filters that it applies while it dumps.
#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>

#include <cstddef>
#include <cstdint>

namespace coscanet {

struct DiagRequest {
  nlmsghdr header{};
  inet_diag_req_v2 body{};
  // Only when a filter is attached: one INET_DIAG_REQ_BYTECODE attribute.
  alignas(4) char attributes[64] = {};

  // All sockets of a family (AF_INET, AF_INET6) and protocol in one of `states` (a bit each).
  DiagRequest(int family, int protocol, uint32_t states);
};

// A TCP or UDP socket's local end: an address (also that of an IPv6 socket in its mapped form) and a range of
// ports.
struct LocalEnd {
  in_addr address{};
  uint16_t first_port = 0;
  uint16_t last_port = 65535;
};

// Lets the kernel report only sockets with this local end.
void filter_by_local_end(DiagRequest* request, const LocalEnd& local);

// Of a socket that the kernel reports: SO_COOKIE; INET_DIAG_CGROUP_ID, 0 if the kernel does not tell.
uint64_t socket_cookie_of(const inet_diag_msg* message);
uint64_t cgroup_of(const nlmsghdr* header);

}  // namespace coscanet
