// Reads rtnetlink's messages, those of a dump and those of a change alike.
#include "host/rtnetlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "host/netlink.h"

namespace coscanet::rtnetlink {

namespace {

// Linux 5.16; headers of older systems do not have them.
constexpr uint16_t kNdaFlagsExt = 15;
constexpr uint32_t kManaged = 1;  // NTF_EXT_MANAGED

constexpr int kDumpAttempts = 10;
// One call of JavaScript takes no more; what is left makes the socket readable again.
constexpr size_t kMostChanges = 4096;

// The attributes behind a message's fixed part; what says it is longer than the rest ends the list.
template <typename Each>
void each_attribute(const void* begin, size_t length, Each&& each) {
  auto rest = static_cast<int>(length);
  for (auto* one = static_cast<const rtattr*>(begin); RTA_OK(one, rest); one = RTA_NEXT(one, rest))
    each(one->rta_type & NLA_TYPE_MASK, RTA_DATA(one), static_cast<size_t>(RTA_PAYLOAD(one)));
}

// The fixed part of a message, or nullptr if the message is too short for it.
template <typename Fixed, typename Each>
const Fixed* read_message(const nlmsghdr* header, Each&& each) {
  if (header->nlmsg_len < NLMSG_LENGTH(sizeof(Fixed))) return nullptr;
  auto* fixed = static_cast<const Fixed*>(NLMSG_DATA(header));
  const size_t size = NLMSG_ALIGN(sizeof(Fixed));
  if (header->nlmsg_len > NLMSG_HDRLEN + size)
    each_attribute(reinterpret_cast<const char*>(fixed) + size, header->nlmsg_len - NLMSG_HDRLEN - size,
                   each);
  return fixed;
}

template <typename Number>
Number number(const void* data, size_t length) {
  Number value{};
  memcpy(&value, data, length < sizeof value ? length : sizeof value);
  return value;
}

std::string text(const void* data, size_t length) {
  return std::string(static_cast<const char*>(data), strnlen(static_cast<const char*>(data), length));
}

// An IPv4 or IPv6 address, whose family its length tells.
std::string address_text(const void* data, size_t length) {
  char out[INET6_ADDRSTRLEN] = "";
  if (length == 4 || length == 16) inet_ntop(length == 4 ? AF_INET : AF_INET6, data, out, sizeof out);
  return out;
}

std::optional<Mac> mac_of(const void* data, size_t length) {
  Mac mac{};
  if (length != sizeof mac.bytes) return std::nullopt;
  memcpy(mac.bytes, data, length);
  return mac;
}

std::optional<Entry> read_link(const nlmsghdr* header) {
  Link link;
  auto* fixed = read_message<ifinfomsg>(header, [&](int type, const void* data, size_t length) {
    if (type == IFLA_IFNAME) link.name = text(data, length);
    if (type == IFLA_ADDRESS) link.mac = mac_of(data, length);
    if (type == IFLA_MTU) link.mtu = number<uint32_t>(data, length);
    if (type == IFLA_OPERSTATE) link.operstate = number<uint8_t>(data, length);
  });
  // Bridges tell of their ports by messages of the same type and another family.
  if (fixed == nullptr || fixed->ifi_family != AF_UNSPEC) return std::nullopt;
  link.index = fixed->ifi_index;
  link.type = fixed->ifi_type;
  link.flags = fixed->ifi_flags;
  return link;
}

std::optional<Entry> read_address(const nlmsghdr* header) {
  Address address;
  auto* fixed = read_message<ifaddrmsg>(header, [&](int type, const void* data, size_t length) {
    // Of a point-to-point interface, IFA_ADDRESS is the other end.
    if (type == IFA_LOCAL || (type == IFA_ADDRESS && address.address.empty()))
      address.address = address_text(data, length);
    if (type == IFA_LABEL) address.label = text(data, length);
  });
  if (fixed == nullptr) return std::nullopt;
  address.index = static_cast<int>(fixed->ifa_index);
  address.family = fixed->ifa_family;
  address.prefix = fixed->ifa_prefixlen;
  address.scope = fixed->ifa_scope;
  return address;
}

// RTA_MULTIPATH: next hops with attributes of their own.
void read_hops(const void* data, size_t length, std::vector<NextHop>* hops) {
  auto rest = static_cast<int>(length);
  for (auto* one = static_cast<const rtnexthop*>(data);
       rest >= static_cast<int>(sizeof *one) && RTNH_OK(one, rest);) {
    NextHop hop;
    hop.index = one->rtnh_ifindex;
    if (one->rtnh_len > sizeof *one)
      each_attribute(RTNH_DATA(one), one->rtnh_len - sizeof *one,
                     [&](int type, const void* value, size_t size) {
                       if (type == RTA_GATEWAY) hop.gateway = address_text(value, size);
                     });
    hops->push_back(std::move(hop));
    rest -= static_cast<int>(RTNH_ALIGN(one->rtnh_len));
    one = RTNH_NEXT(one);
  }
}

std::optional<Entry> read_route(const nlmsghdr* header) {
  Route route;
  NextHop hop;
  route.destination = "0.0.0.0";
  bool has_table = false;
  auto* fixed = read_message<rtmsg>(header, [&](int type, const void* data, size_t length) {
    if (type == RTA_DST) route.destination = address_text(data, length);
    if (type == RTA_TABLE) route.table = number<uint32_t>(data, length), has_table = true;
    if (type == RTA_PRIORITY) route.metric = number<uint32_t>(data, length);
    if (type == RTA_PREFSRC) route.source = address_text(data, length);
    if (type == RTA_OIF) hop.index = number<int>(data, length);
    if (type == RTA_GATEWAY) hop.gateway = address_text(data, length);
    if (type == RTA_MULTIPATH) read_hops(data, length, &route.hops);
  });
  // Clones are routes as they were looked up for one packet.
  if (fixed == nullptr || fixed->rtm_family != AF_INET || (fixed->rtm_flags & RTM_F_CLONED))
    return std::nullopt;
  route.prefix = fixed->rtm_dst_len;
  route.type = fixed->rtm_type;
  route.protocol = fixed->rtm_protocol;
  route.scope = fixed->rtm_scope;
  if (!has_table) route.table = fixed->rtm_table;
  if (hop.index != 0 && route.hops.empty()) route.hops.push_back(std::move(hop));
  return route;
}

std::optional<Entry> read_neighbor(const nlmsghdr* header) {
  Neighbor neighbor;
  auto* fixed = read_message<ndmsg>(header, [&](int type, const void* data, size_t length) {
    if (type == NDA_DST) neighbor.address = address_text(data, length);
    if (type == NDA_LLADDR) neighbor.mac = mac_of(data, length);
    if (type == kNdaFlagsExt) neighbor.managed = (number<uint32_t>(data, length) & kManaged) != 0;
  });
  // A bridge's table of MACs comes by messages of the same type and another family.
  if (fixed == nullptr || (fixed->ndm_family != AF_INET && fixed->ndm_family != AF_INET6))
    return std::nullopt;
  neighbor.index = fixed->ndm_ifindex;
  neighbor.family = fixed->ndm_family;
  neighbor.state = fixed->ndm_state;
  return neighbor;
}

std::optional<Entry> read_rule(const nlmsghdr* header) {
  Rule rule;
  bool has_table = false;
  auto* fixed = read_message<fib_rule_hdr>(header, [&](int type, const void* data, size_t length) {
    if (type == FRA_PRIORITY) rule.priority = number<uint32_t>(data, length);
    if (type == FRA_TABLE) rule.table = number<uint32_t>(data, length), has_table = true;
    if (type == FRA_SRC) rule.source = address_text(data, length);
    if (type == FRA_DST) rule.destination = address_text(data, length);
    if (type == FRA_IIFNAME) rule.input = text(data, length);
    if (type == FRA_PROTOCOL) rule.protocol = number<uint8_t>(data, length);
  });
  if (fixed == nullptr || fixed->family != AF_INET) return std::nullopt;
  rule.source_prefix = fixed->src_len;
  rule.destination_prefix = fixed->dst_len;
  if (!has_table) rule.table = fixed->table;
  return rule;
}

std::optional<Entry> read_entry(const nlmsghdr* header) {
  switch (header->nlmsg_type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
      return read_link(header);
    case RTM_NEWADDR:
    case RTM_DELADDR:
      return read_address(header);
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
      return read_route(header);
    case RTM_NEWNEIGH:
    case RTM_DELNEIGH:
      return read_neighbor(header);
    case RTM_NEWRULE:
      return read_rule(header);
    default:
      return std::nullopt;
  }
}

bool is_deletion(uint16_t type) {
  return type == RTM_DELLINK || type == RTM_DELADDR || type == RTM_DELROUTE || type == RTM_DELNEIGH;
}

// A request for a whole table: the kernel looks at as much of `fixed` as the type has.
template <typename Fixed>
struct Request {
  nlmsghdr header{};
  Fixed fixed{};
  alignas(4) char attributes[RTA_SPACE(sizeof(uint32_t))]{};

  explicit Request(uint16_t type) {
    header.nlmsg_len = NLMSG_LENGTH(sizeof fixed);
    header.nlmsg_type = type;
    header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  }

  void add(uint16_t type, uint32_t value) {
    rtattr attribute{RTA_LENGTH(sizeof value), type};
    char* end = reinterpret_cast<char*>(this) + NLMSG_ALIGN(header.nlmsg_len);
    memcpy(end, &attribute, sizeof attribute);
    memcpy(end + RTA_LENGTH(0), &value, sizeof value);
    header.nlmsg_len = NLMSG_ALIGN(header.nlmsg_len) + RTA_SPACE(sizeof value);
  }
};

// A table that changes while it is read may lack entries that have not changed: read again.
template <typename Fixed>
int dump_table(const Request<Fixed>& request, std::vector<Entry>* entries) {
  const size_t before = entries->size();
  for (int attempt = 1;; ++attempt) {
    const int fd = open_netlink(NETLINK_ROUTE, false);
    if (fd < 0) return fd;
    // The kernel filters by what the request says (4.20).
    const int strict = 1;
    setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &strict, sizeof strict);
    const int result = ask(fd, &request.header, [&](const nlmsghdr* message) {
      if (auto entry = read_entry(message)) entries->push_back(std::move(*entry));
      return true;
    });
    close(fd);
    if (result != -EINTR || attempt == kDumpAttempts) return result;
    entries->resize(before);
  }
}

}  // namespace

int subscribe(const Tables& tables, uint32_t receive_bytes) {
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  auto join = [&](int group) { address.nl_groups |= 1u << (group - 1); };
  if (tables.links) join(RTNLGRP_LINK);
  if (tables.addresses) join(RTNLGRP_IPV4_IFADDR), join(RTNLGRP_IPV6_IFADDR);
  if (tables.routes) join(RTNLGRP_IPV4_ROUTE);
  if (tables.neighbors) join(RTNLGRP_NEIGH);
  const int fd = open_netlink(NETLINK_ROUTE, true);
  if (fd < 0) return fd;
  // Beyond the host's limit only where we may; less room means more dumps.
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive_bytes, sizeof receive_bytes) < 0)
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return fd;
  const int error = errno;
  close(fd);
  return -error;
}

int read_changes(int fd, std::vector<Change>* changes) {
  // After an overflow the kernel adds nothing, and reports nothing more, until the queue is empty
  // (netlink_overrun, netlink_rcv_wake in net/netlink/af_netlink.c): only a dump that begins then is followed
  // by every change.
  bool lost = false;
  for (;;) {
    const int result = read_some(fd, [&](const nlmsghdr* message) {
      auto entry = lost ? std::nullopt : read_entry(message);
      if (entry)
        changes->push_back({std::move(*entry), is_deletion(message->nlmsg_type),
                            message->nlmsg_type == RTM_NEWROUTE && (message->nlmsg_flags & NLM_F_REPLACE)});
      return true;
    });
    if (result == -EAGAIN) break;
    if (result == -ENOBUFS) {
      lost = true;
      changes->clear();
    } else if (result < 0) {
      return result;
    } else if (!lost && changes->size() >= kMostChanges) {
      return 0;
    }
  }
  return lost ? -ENOBUFS : 0;
}

int dump_links(std::vector<Entry>* entries) {
  return dump_table(Request<ifinfomsg>(RTM_GETLINK), entries);
}

int dump_addresses(std::vector<Entry>* entries) {
  return dump_table(Request<ifaddrmsg>(RTM_GETADDR), entries);
}

int dump_routes(uint32_t route_table, std::vector<Entry>* entries) {
  Request<rtmsg> request(RTM_GETROUTE);
  request.fixed.rtm_family = AF_INET;
  request.add(RTA_TABLE, route_table);
  const int result = dump_table(request, entries);
  return result == -ENOENT ? 0 : result;
}

int dump_neighbors(std::vector<Entry>* entries) {
  return dump_table(Request<ndmsg>(RTM_GETNEIGH), entries);
}

int dump_rules(std::vector<Entry>* entries) {
  Request<fib_rule_hdr> request(RTM_GETRULE);
  request.fixed.family = AF_INET;
  return dump_table(request, entries);
}

}  // namespace coscanet::rtnetlink
