#pragma once
// What the kernel knows of TCP connections and connected UDP sockets: of one, or all with certain local ends.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace coscanet {

struct SocketAddress {
  std::string address;  // IPv4
  uint16_t port = 0;
};

struct Connection {
  int protocol = 0;  // IPPROTO_TCP or IPPROTO_UDP
  SocketAddress local, remote;
  uint64_t cookie = 0;
  uint32_t inode = 0;   // 0: no program has taken it from its listener's queue
  uint64_t cgroup = 0;  // INET_DIAG_CGROUP_ID
};

// Looks up single TCP connections on one netlink socket.
class ConnectionLookup {
 public:
  ConnectionLookup();
  ~ConnectionLookup();
  ConnectionLookup(const ConnectionLookup&) = delete;
  ConnectionLookup& operator=(const ConnectionLookup&) = delete;

  // The state of the connection between these ends (TCP_ESTABLISHED, …, TCP_TIME_WAIT); 0 if there is none;
  // -errno if the kernel does not say.
  int state(const SocketAddress& local, const SocketAddress& remote);

 private:
  int fd_;
};

// Can data still flow? Not in TIME-WAIT.
bool is_live(int state);

// Is there none, or only its TIME-WAIT? Not while the handshake lasts, nor if the kernel does not say.
bool has_ended(int state);

// All live connections whose local address is one of some, read from the kernel in parts: each `next` reads
// as far as its caller wants, and the kernel goes on from there.
class ConnectionReader {
 public:
  explicit ConnectionReader(std::vector<std::string> addresses);
  ~ConnectionReader();
  ConnectionReader(const ConnectionReader&) = delete;
  ConnectionReader& operator=(const ConnectionReader&) = delete;

  // Appends at least one connection, and stops soon after `most` (at the end of what the kernel has handed
  // over). 0: that was the end; 1: there may be more; -errno.
  int next(size_t most, std::vector<Connection>* connections);

 private:
  struct Part;
  int start();
  std::vector<Part> parts_;  // the last one comes next
  int fd_ = -1;
};

}  // namespace coscanet
