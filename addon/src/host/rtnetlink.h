#pragma once
// The kernel's tables of interfaces, addresses, IPv4 routes and rules, and neighbors (rtnetlink(7)): dumps,
// and a subscription to what changes in them.
#include <linux/netlink.h>

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/bytes.h"

namespace coscanet::rtnetlink {

struct Link {
  int index = 0;
  std::string name;
  uint16_t type = 0;  // ARPHRD_*
  std::optional<Mac> mac;
  uint32_t mtu = 0;
  uint32_t flags = 0;     // IFF_*
  uint8_t operstate = 0;  // RFC 2863, as IF_OPER_*
};

struct Address {
  int index = 0;  // of its interface
  int family = 0;
  std::string address;
  uint8_t prefix = 0;
  uint8_t scope = 0;  // RT_SCOPE_*
  std::string label;  // "" if it has none
};

struct NextHop {
  int index = 0;        // of its interface; 0 if none
  std::string gateway;  // IPv4; "" on the link, or by a gateway of another family
};

struct Route {
  std::string destination;
  uint8_t prefix = 0;
  uint32_t table = 0;
  uint8_t type = 0;      // RTN_*
  uint8_t protocol = 0;  // RTPROT_*
  uint8_t scope = 0;
  uint32_t metric = 0;
  std::string source;  // preferred; "" if none
  std::vector<NextHop> hops;
};

struct Neighbor {
  int index = 0;
  int family = 0;
  std::string address;
  std::optional<Mac> mac;
  uint16_t state = 0;    // NUD_*
  bool managed = false;  // NTF_EXT_MANAGED
};

struct Rule {
  uint32_t priority = 0;
  uint32_t table = 0;
  std::string source;  // "" for all
  uint8_t source_prefix = 0;
  std::string destination;
  uint8_t destination_prefix = 0;
  std::string input;     // interface; "" for all
  uint8_t protocol = 0;  // RTPROT_*
};

using Entry = std::variant<Link, Address, Route, Neighbor, Rule>;

struct Change {
  Entry entry;
  bool deleted = false;
  bool replaced = false;  // routes: the first one with its destination and metric, which is gone
};

struct Tables {
  bool links = false;
  bool addresses = false;
  bool routes = false;
  bool neighbors = false;
};

// A socket that hears of changes in these tables, or -errno. `receive_bytes`: the room for those not read
// yet.
int subscribe(const Tables& tables, uint32_t receive_bytes);

// Appends what has changed, as far as it is there (of much a part: the socket stays readable). 0, or -errno;
// -ENOBUFS: changes were lost and those that were not are thrown away, so a dump that begins now misses
// nothing.
int read_changes(int fd, std::vector<Change>* changes);

// Whole tables; 0 or -errno. `route_table`: RT_TABLE_MAIN or another; one that was never used is empty.
int dump_links(std::vector<Entry>* entries);
int dump_addresses(std::vector<Entry>* entries);
int dump_routes(uint32_t route_table, std::vector<Entry>* entries);
int dump_neighbors(std::vector<Entry>* entries);
int dump_rules(std::vector<Entry>* entries);

}  // namespace coscanet::rtnetlink
