// The tag of a NAT-mode socket: set before its bind, read from it or from another process's descriptor.
#include "node/nat_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "abi/socket_tag.h"
#include "node/scoped_option.h"
#include "node/socket.h"

namespace coscanet {

std::optional<VirtualAddress> read_virtual_address(int fd) {
  sock_filter filter[COSCANET_TAG_LENGTH];
  socklen_t length = COSCANET_TAG_LENGTH;  // counts instructions
  VirtualAddress name;
  uint32_t vip;
  if (getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, filter, &length) < 0) return {};
  if (!read_socket_tag(filter, length, &vip, &name.port)) return {};
  in_addr address{htonl(vip)};
  char text[INET_ADDRSTRLEN];
  name.vip = inet_ntop(AF_INET, &address, text, sizeof text);
  return name;
}

std::optional<VirtualAddress> read_virtual_address_of(pid_t pid, int number, uint64_t inode) {
  auto process = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (process < 0) return {};
  auto fd = static_cast<int>(syscall(SYS_pidfd_getfd, process, number, 0));
  close(process);
  if (fd < 0) return {};
  struct stat status {};
  std::optional<VirtualAddress> name;
  if (fstat(fd, &status) == 0 && status.st_ino == inode) name = read_virtual_address(fd);
  close(fd);
  return name;
}

// False if the program has a filter of its own, or has locked it: that stays.
static bool set_tag(int fd, const VirtualAddress& name) {
  socklen_t length = 0;
  if (getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, nullptr, &length) < 0) return false;
  // An agent that was killed between tag and bind has left a tag, which is ours to replace.
  if (length != 0 && !read_virtual_address(fd)) return false;
  in_addr vip{};
  inet_pton(AF_INET, name.vip.c_str(), &vip);
  sock_filter tag[COSCANET_TAG_LENGTH];
  write_socket_tag(tag, ntohl(vip.s_addr), name.port);
  const sock_fprog program = {COSCANET_TAG_LENGTH, tag};
  return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

NatBind bind_nat(int fd, const std::string& address, uint16_t port, const VirtualAddress& name,
                 PortSharing sharing) {
  NatBind bound;
  bound.tagged = set_tag(fd, name);
  {
    ScopedOption reuse_port(fd, SOL_SOCKET, SO_REUSEPORT, 0, sharing != PortSharing::kAsAsked);
    ScopedOption reuse_address(fd, SOL_SOCKET, SO_REUSEADDR, 0, sharing == PortSharing::kAlone);
    // Else the kernel would choose none.
    ScopedOption no_port(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 0, port == 0);
    bound.result = bind_socket(fd, address, port, {});
  }
  SocketFacts facts;
  if (bound.result == 0 && read_socket_facts(fd, &facts) == 0) bound.port = facts.local_port;
  int unused = 0;
  if (bound.result < 0 && bound.tagged) setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof unused);
  return bound;
}

}  // namespace coscanet
