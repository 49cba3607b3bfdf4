// Control messages of NAT-mode sockets. See control_message.h.
#define _GNU_SOURCE
#include "control_message.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>

#include "address.h"
#include "syscalls.h"
#include "virtual_address.h"

// Both in network byte order, as in messages.
struct ip_endpoint {
  uint32_t address;
  uint16_t port;
};

// The two addresses of a NAT-mode socket. False if it is none.
static int read_addresses(int fd, struct ip_endpoint* virtual, struct ip_endpoint* node) {
  union {
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
  } name;
  socklen_t length = sizeof name;
  if (!read_virtual_address(fd, &virtual->address, &virtual->port)) return 0;
  if (SYSCALL3(getsockname, fd, &name, &length) < 0) return 0;
  virtual->address = htonl(virtual->address);
  virtual->port = htons(virtual->port);
  // The last word of an IPv4-mapped address; sin_port and sin6_port have the same offset.
  node->address = length == sizeof name.v6 ? name.v6.sin6_addr.s6_addr32[3] : name.v4.sin_addr.s_addr;
  node->port = name.v4.sin_port;
  return 1;
}

// What one libc calls size_t is a socklen_t and a gap for another, which may hold anything.
static uint32_t length_in(const void* field) {
  return *(const uint32_t*)field;
}

static int replace_address(void* field, const struct ip_endpoint* from, const struct ip_endpoint* to) {
  uint32_t* address = field;
  if (*address != from->address) return 0;
  *address = to->address;
  return 1;
}

// `room`: bytes of data. Was there anything to replace?
static int replace_in(int level, int type, void* data, uint32_t room, const struct ip_endpoint* from,
                      const struct ip_endpoint* to) {
  if (level == IPPROTO_IP && type == IP_PKTINFO && room >= sizeof(struct in_pktinfo)) {
    struct in_pktinfo* info = data;
    return replace_address(&info->ipi_spec_dst, from, to) | replace_address(&info->ipi_addr, from, to);
  }
  if (level == IPPROTO_IPV6 && type == IPV6_PKTINFO && room >= sizeof(struct in6_pktinfo)) {
    struct in6_addr* address = &((struct in6_pktinfo*)data)->ipi6_addr;
    return IN6_IS_ADDR_V4MAPPED(address) && replace_address(&address->s6_addr32[3], from, to);
  }
  if (level == IPPROTO_IP && type == IP_ORIGDSTADDR && room >= sizeof(struct sockaddr_in)) {
    struct sockaddr_in* name = data;
    if (name->sin_port != from->port || !replace_address(&name->sin_addr, from, to)) return 0;
    name->sin_port = to->port;
    return 1;
  }
  return 0;
}

static int replace_all(unsigned char* control, uint32_t length, const struct ip_endpoint* from,
                       const struct ip_endpoint* to) {
  int replaced = 0;
  for (uint32_t at = 0; length - at >= sizeof(struct cmsghdr);) {
    const struct cmsghdr* header = (const struct cmsghdr*)(control + at);
    uint32_t whole = length_in(&header->cmsg_len);
    if (whole < sizeof *header || whole > length - at) break;
    replaced |= replace_in(header->cmsg_level, header->cmsg_type, control + at + sizeof *header,
                           whole - (uint32_t)sizeof *header, from, to);
    whole = (uint32_t)CMSG_ALIGN(whole);
    if (whole > length - at) break;
    at += whole;
  }
  return replaced;
}

int to_node_address(int fd, const struct msghdr* message, struct message_copy* copy) {
  struct msghdr* head = &copy->head.msg_hdr;
  struct ip_endpoint virtual, node;
  if (!copy_from_program(head, message, sizeof *head)) return 0;
  uint32_t length = length_in(&head->msg_controllen);
  if (head->msg_control == 0 || length < sizeof(struct cmsghdr)) return 0;
  if (!read_addresses(fd, &virtual, &node)) return 0;
  if (length > sizeof copy->control) return -ENOBUFS;
  if (!copy_from_program(copy->control, head->msg_control, length)) return 0;
  head->msg_control = copy->control;
  return replace_all(copy->control, length, &virtual, &node);
}

void to_virtual_address(int fd, struct msghdr* message) {
  struct ip_endpoint virtual, node;
  uint32_t length = length_in(&message->msg_controllen);
  if (message->msg_control == 0 || length < sizeof(struct cmsghdr)) return;
  if (read_addresses(fd, &virtual, &node)) replace_all(message->msg_control, length, &node, &virtual);
}
