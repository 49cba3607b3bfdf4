#pragma once
// The little of netlink that sock_diag and rtnetlink need: a socket, a request, and a walk over what comes
// back.
#include <linux/netlink.h>

#include <cstddef>
#include <functional>

namespace coscanet {

// A socket of this protocol (NETLINK_SOCK_DIAG, NETLINK_ROUTE), or -errno.
int open_netlink(int protocol, bool nonblocking);

// Hands what has come in answer to a request to `on_message`, until that returns false. 1: there is more to
// come; 0: that was the end, or as far as wanted; -errno.
int read_some(int fd, const std::function<bool(const nlmsghdr*)>& on_message);

// The same to the end, after sending the request on an open socket; and on a socket of its own.
int ask(int fd, const nlmsghdr* request, const std::function<bool(const nlmsghdr*)>& on_message);

// Sends a dump request of this protocol and hands each message to `on_message` until that returns false or
// the dump ends. 0 or -errno; -EINTR: the tables changed meanwhile, ask again.
int dump(int protocol, const nlmsghdr* request, const std::function<bool(const nlmsghdr*)>& on_message);

}  // namespace coscanet
