// Facts about a passed socket, and the bind on it.
#include "node/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

namespace coscanet {

template <typename T>
static bool get_option(int fd, int level, int option, T* value) {
  socklen_t length = sizeof *value;
  return getsockopt(fd, level, option, value, &length) == 0;
}

static bool get_flag(int fd, int level, int option) {
  int value = 0;
  return get_option(fd, level, option, &value) && value != 0;
}

// A process stays in one network namespace; asked once, because each socket that closes is an event for the
// agent.
static uint64_t our_namespace() {
  static const uint64_t cookie = [] {
    uint64_t ours = 0;
    int own = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (own < 0) return ours;
    get_option(own, SOL_SOCKET, SO_NETNS_COOKIE, &ours);
    close(own);
    return ours;
  }();
  return cookie;
}

static bool is_in_our_namespace(int fd) {
  uint64_t theirs = 0;
  return get_option(fd, SOL_SOCKET, SO_NETNS_COOKIE, &theirs) && theirs == our_namespace();
}

static void read_local_name(int fd, SocketFacts* facts) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  char text[INET6_ADDRSTRLEN] = "";
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length) < 0) return;
  if (storage.ss_family == AF_INET) {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
    inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text);
    facts->local_port = ntohs(v4->sin_port);
  } else if (storage.ss_family == AF_INET6) {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
    if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
      inet_ntop(AF_INET, v6->sin6_addr.s6_addr + 12, text, sizeof text);
    } else {
      inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text);
    }
    facts->local_port = ntohs(v6->sin6_port);
  }
  facts->local_address = text;
}

int read_socket_facts(int fd, SocketFacts* facts) {
  if (!get_option(fd, SOL_SOCKET, SO_DOMAIN, &facts->family) ||
      !get_option(fd, SOL_SOCKET, SO_PROTOCOL, &facts->protocol) ||
      !get_option(fd, SOL_SOCKET, SO_COOKIE, &facts->cookie))
    return -errno;
  facts->v6only = facts->family == AF_INET6 && get_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY);
  facts->reuse_port = get_flag(fd, SOL_SOCKET, SO_REUSEPORT);
  facts->reuse_address = get_flag(fd, SOL_SOCKET, SO_REUSEADDR);
  facts->same_namespace = is_in_our_namespace(fd);
  read_local_name(fd, facts);
  return 0;
}

// The sockaddr for `address` in the socket's own family. Returns its length, 0 if the two do not fit.
static socklen_t make_address(int family, const std::string& address, uint16_t port,
                              sockaddr_storage* storage) {
  *storage = {};
  if (family == AF_INET) {
    auto* v4 = reinterpret_cast<sockaddr_in*>(storage);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    return inet_pton(AF_INET, address.c_str(), &v4->sin_addr) == 1 ? sizeof *v4 : 0;
  }
  auto* v6 = reinterpret_cast<sockaddr_in6*>(storage);
  v6->sin6_family = AF_INET6;
  v6->sin6_port = htons(port);
  if (inet_pton(AF_INET6, address.c_str(), &v6->sin6_addr) == 1) return sizeof *v6;
  v6->sin6_addr.s6_addr[10] = v6->sin6_addr.s6_addr[11] = 0xff;
  return inet_pton(AF_INET, address.c_str(), v6->sin6_addr.s6_addr + 12) == 1 ? sizeof *v6 : 0;
}

int bind_socket(int fd, const std::string& address, uint16_t port, std::optional<uid_t> share_uid) {
  int family = 0;
  sockaddr_storage storage;
  if (!get_option(fd, SOL_SOCKET, SO_DOMAIN, &family)) return -errno;
  socklen_t length = make_address(family, address, port, &storage);
  if (length == 0) return -EAFNOSUPPORT;
  struct stat before {};
  int reuse_before = get_flag(fd, SOL_SOCKET, SO_REUSEPORT);
  if (share_uid) {
    int on = 1;
    if (fstat(fd, &before) < 0 || fchown(fd, *share_uid, static_cast<gid_t>(-1)) < 0) return -errno;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0) return -errno;
  }
  if (bind(fd, reinterpret_cast<sockaddr*>(&storage), length) == 0) return 0;
  int error = errno;
  if (share_uid) {
    (void)!fchown(fd, before.st_uid, static_cast<gid_t>(-1));
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &reuse_before, sizeof reuse_before);
  }
  return -error;
}

}  // namespace coscanet
