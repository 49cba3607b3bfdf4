// What a NAT-mode UDP socket, bound by the agent, is told of the address that datagrams came to, and where
// those leave from that it sends from its virtual address. One line for each call: result, errno (77 before),
// what it showed; addresses as "ADDRESS" or "ADDRESS:PORT".
//
//   control 4|6 VIP
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef IP_ORIGDSTADDR
#define IP_ORIGDSTADDR 20
#endif

static int peer, server;
static struct sockaddr_in here;   // of the peer
static struct sockaddr_in there;  // of the server, physical
static struct in_addr vip;
static int is_v6;

// A message with room for everything that is told.
struct letter {
  struct sockaddr_in6 name;
  char bytes[16];
  struct iovec part;
  _Alignas(size_t) char control[256];
};

static void address_letter(struct letter* letter, struct msghdr* head) {
  memset(head, 0xee, sizeof *head);  // gaps of other libcs hold rubbish
  letter->part = (struct iovec){letter->bytes, sizeof letter->bytes};
  head->msg_name = &letter->name, head->msg_namelen = sizeof letter->name;
  head->msg_iov = &letter->part, head->msg_iovlen = 1;
  head->msg_control = letter->control, head->msg_controllen = sizeof letter->control;
  head->msg_flags = 0;
}

static void show(const char* what, long result, struct msghdr* head) {
  char line[512], text[INET6_ADDRSTRLEN];
  int length = snprintf(line, sizeof line, "%s: %ld %d", what, result, errno);
  for (struct cmsghdr* one = CMSG_FIRSTHDR(head); one != NULL; one = CMSG_NXTHDR(head, one)) {
    const unsigned char* data = CMSG_DATA(one);
    char* end = line + length;
    size_t room = sizeof line - (size_t)length;
    if (one->cmsg_level == IPPROTO_IP && one->cmsg_type == IP_PKTINFO) {
      struct in_pktinfo info;
      memcpy(&info, data, sizeof info);
      length += snprintf(end, room, " local %s", inet_ntoa(info.ipi_spec_dst));
      length += snprintf(line + length, sizeof line - (size_t)length, " to %s", inet_ntoa(info.ipi_addr));
    } else if (one->cmsg_level == IPPROTO_IP && one->cmsg_type == IP_ORIGDSTADDR) {
      struct sockaddr_in name;
      memcpy(&name, data, sizeof name);
      length += snprintf(end, room, " first to %s:%d", inet_ntoa(name.sin_addr), ntohs(name.sin_port));
    } else if (one->cmsg_level == IPPROTO_IPV6 && one->cmsg_type == IPV6_PKTINFO) {
      struct in6_pktinfo info;
      memcpy(&info, data, sizeof info);
      length += snprintf(end, room, " to %s", inet_ntop(AF_INET6, &info.ipi6_addr, text, sizeof text));
    } else {
      length += snprintf(end, room, " type %d", one->cmsg_type);
    }
  }
  dprintf(1, "%s\n", line);
}

static void receive(void) {
  struct letter letters[2];
  struct mmsghdr heads[2];
  for (int i = 0; i < 3; i++) sendto(peer, "hello", 5, 0, (void*)&there, sizeof there);
  for (int i = 0; i < 2; i++) address_letter(&letters[i], &heads[i].msg_hdr);
  errno = 77;
  long result = recvmsg(server, &heads[0].msg_hdr, 0);
  show("recvmsg", result, &heads[0].msg_hdr);
  address_letter(&letters[0], &heads[0].msg_hdr);
  errno = 77;
  result = recvmmsg(server, heads, 2, MSG_DONTWAIT, NULL);
  for (int i = 0; i < 2; i++) show("recvmmsg", result, &heads[i].msg_hdr);
}

// A datagram to the peer; `from`: the address that it shall leave from, null: none is said.
static void write_letter(struct letter* letter, struct msghdr* head, const struct in_addr* from) {
  address_letter(letter, head);
  memset(letter->control, 0, sizeof letter->control);
  letter->name = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = here.sin_port};
  if (is_v6) {
    letter->name.sin6_addr.s6_addr[10] = letter->name.sin6_addr.s6_addr[11] = 0xff;
    memcpy(letter->name.sin6_addr.s6_addr + 12, &here.sin_addr, 4);
  } else {
    memcpy(&letter->name, &here, sizeof here);
    head->msg_namelen = sizeof here;
  }
  // Some other control message first: IP_TTL.
  struct cmsghdr* one = CMSG_FIRSTHDR(head);
  int hops = 9;
  one->cmsg_level = IPPROTO_IP, one->cmsg_type = IP_TTL, one->cmsg_len = CMSG_LEN(sizeof hops);
  memcpy(CMSG_DATA(one), &hops, sizeof hops);
  head->msg_controllen = CMSG_SPACE(sizeof hops);
  if (from == NULL) return;
  struct in_pktinfo info = {.ipi_spec_dst = *from};
  struct in6_pktinfo info6 = {0};
  info6.ipi6_addr.s6_addr[10] = info6.ipi6_addr.s6_addr[11] = 0xff;
  memcpy(info6.ipi6_addr.s6_addr + 12, from, 4);
  one = (struct cmsghdr*)(letter->control + CMSG_SPACE(sizeof hops));
  one->cmsg_level = is_v6 ? IPPROTO_IPV6 : IPPROTO_IP, one->cmsg_type = is_v6 ? IPV6_PKTINFO : IP_PKTINFO;
  size_t size = is_v6 ? sizeof info6 : sizeof info;
  one->cmsg_len = CMSG_LEN(size);
  memcpy(CMSG_DATA(one), is_v6 ? (void*)&info6 : (void*)&info, size);
  head->msg_controllen = CMSG_SPACE(sizeof hops) + CMSG_SPACE(size);
}

// Who sent what has come to the peer, and with which TTL.
static void show_sent(const char* what, long result, int count) {
  int error = errno;
  dprintf(1, "%s: %ld %d", what, result, error);
  while (count-- > 0) {
    struct letter letter;
    struct msghdr head;
    address_letter(&letter, &head);
    if (recvmsg(peer, &head, MSG_DONTWAIT) < 0) break;
    struct sockaddr_in* from = (void*)&letter.name;
    int hops = 0;
    for (struct cmsghdr* one = CMSG_FIRSTHDR(&head); one != NULL; one = CMSG_NXTHDR(&head, one))
      memcpy(&hops, CMSG_DATA(one), sizeof hops);
    int is_there = from->sin_port == there.sin_port && from->sin_addr.s_addr == there.sin_addr.s_addr;
    dprintf(1, " %s by %d", is_there ? "physical" : inet_ntoa(from->sin_addr), hops);
  }
  dprintf(1, "\n");
}

static void send_away(void) {
  struct letter letters[4], kept;
  struct mmsghdr heads[4];
  struct in_addr nobody = {htonl(0xc0000201)};
  struct msghdr* head = &heads[0].msg_hdr;
  write_letter(&letters[0], head, &vip);
  kept = letters[0];
  errno = 77;
  long result = sendmsg(server, head, 0);
  show_sent("sendmsg", result, 1);
  if (memcmp(letters[0].control, kept.control, sizeof kept.control) != 0) dprintf(1, "changed\n");
  write_letter(&letters[0], head, &there.sin_addr);
  errno = 77, result = sendmsg(server, head, 0);
  show_sent("from the node address", result, 1);
  write_letter(&letters[0], head, &nobody);
  errno = 77, result = sendmsg(server, head, 0);
  show_sent("from nobody's", result, 1);
  for (int i = 0; i < 4; i++) write_letter(&letters[i], &heads[i].msg_hdr, i % 2 == 1 ? &vip : NULL);
  errno = 77, result = sendmmsg(server, heads, 4, 0);
  show_sent("sendmmsg", result, 4);
  for (int i = 0; i < 4; i++) dprintf(1, "%u ", heads[i].msg_len);
  for (int i = 0; i < 4; i++) write_letter(&letters[i], &heads[i].msg_hdr, i == 1 ? &nobody : &vip);
  errno = 77, result = sendmmsg(server, heads, 4, 0);
  show_sent("until the first that fails", result, 4);
  errno = 77, result = sendmmsg(server, heads + 1, 3, 0);
  show_sent("that one", result, 3);
#ifdef __GLIBC__  // musl itself reads it
  write_letter(&letters[0], head, &vip);
  head->msg_control = (void*)8;
  errno = 77, result = sendmsg(server, head, 0);
  show_sent("bad pointer", result, 1);
#endif
  write_letter(&letters[0], head, &vip);
  static char long_control[1200];
  memcpy(long_control, kept.control, sizeof kept.control);
  head->msg_control = long_control, head->msg_controllen = sizeof long_control;
  errno = 77, result = sendmsg(server, head, 0);
  show_sent("too long", result, 1);
}

int main(int count, char** arguments) {
  if (count != 3) return 2;
  is_v6 = arguments[1][0] == '6';
  inet_pton(AF_INET, arguments[2], &vip);
  struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(53)};
  struct sockaddr_in6 any6 = {.sin6_family = AF_INET6, .sin6_port = htons(53)}, raw;
  socklen_t length = sizeof raw;
  int on = 1;
  server = socket(is_v6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);
  peer = socket(AF_INET, SOCK_DGRAM, 0);
  if (bind(server, is_v6 ? (void*)&any6 : (void*)&any, is_v6 ? sizeof any6 : sizeof any) < 0) return 3;
  if (syscall(SYS_getsockname, server, &raw, &length) < 0) return 4;
  there = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = raw.sin6_port};
  inet_pton(AF_INET, "127.0.0.9", &there.sin_addr);
  here = (struct sockaddr_in){.sin_family = AF_INET};
  inet_pton(AF_INET, "127.0.0.1", &here.sin_addr);
  length = sizeof here;
  if (syscall(SYS_bind, peer, &here, sizeof here) < 0 || getsockname(peer, (void*)&here, &length) < 0)
    return 5;
  setsockopt(peer, IPPROTO_IP, IP_RECVTTL, &on, sizeof on);
  setsockopt(server, IPPROTO_IP, IP_RECVTTL, &on, sizeof on);
  setsockopt(server, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
  setsockopt(server, IPPROTO_IP, IP_ORIGDSTADDR, &on, sizeof on);
  if (is_v6) setsockopt(server, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
  receive();
  send_away();
  return 0;
}
