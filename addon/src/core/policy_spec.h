#pragma once
// The policy as it is given to the router, written once: each record is a list of fields, with their types
// and their names in TypeScript. From it follow the structs here, their conversion from JavaScript
// (js/policy.cc) and, held to it by test/addon/policy-schema.test.ts, the types of addon/router.ts, which say
// what each field means.
#include <optional>
#include <vector>

#include "core/policy.h"

namespace coscanet {

enum class Protocol : uint8_t { tcp = 6, udp = 17 };

struct Prefix {
  uint32_t bits;  // 0 … 32
};
struct Seconds {
  uint32_t count;  // 1 … 2^31 - 1
};
/// A field that C++ does not read.
struct Unread {};

#define COSCANET_FIELD(type, name, text) type name{};
#define COSCANET_VISIT(type, name, text) &&visit(text, &Self::name)
// `object` and `prefix`: how errors name the record and, before their own name, its fields.
#define COSCANET_RECORD(Record, interface_name, object, prefix, FIELDS)  \
  struct Record {                                                        \
    static constexpr const char* kInterface = interface_name;            \
    static constexpr const char* kObject = object;                       \
    static constexpr const char* kPrefix = prefix;                       \
    FIELDS(COSCANET_FIELD)                                               \
    /* Calls visit(TypeScript's name, pointer to member) until false. */ \
    template <typename Visit>                                            \
    static bool each_field(Visit visit) {                                \
      using Self = Record;                                               \
      return true FIELDS(COSCANET_VISIT);                                \
    }                                                                    \
  };

#define COSCANET_INTERFACE(X)                             \
  X(InterfaceRole, role, "role")                          \
  X(Mac, mac, "mac")                                      \
  X(uint32_t, mtu, "mtu")                                 \
  X(std::optional<Address>, address, "address")           \
  X(std::optional<Prefix>, prefix, "prefix")              \
  X(std::optional<std::vector<uint32_t>>, vlans, "vlans") \
  X(Unread, name, "name")
COSCANET_RECORD(InterfaceSpec, "PolicyInterface", "interface", "interface ", COSCANET_INTERFACE)

#define COSCANET_VIP(X)          \
  X(Address, address, "address") \
  X(bool, active, "active")
COSCANET_RECORD(VipSpec, "PolicyVip", "vip", "vip ", COSCANET_VIP)

#define COSCANET_TRANSLATION(X)      \
  X(Protocol, protocol, "protocol")  \
  X(Address, node, "node")           \
  X(uint32_t, node_port, "nodePort") \
  X(Address, vip, "vip")             \
  X(uint32_t, vip_port, "vipPort")
COSCANET_RECORD(TranslationSpec, "PolicyTranslation", "nat", "nat ", COSCANET_TRANSLATION)

#define COSCANET_ENDPOINT(X)                            \
  X(uint32_t, slot, "slot")                             \
  X(uint32_t, generation, "generation")                 \
  X(Mac, mac, "mac")                                    \
  X(uint32_t, egress, "egress")                         \
  X(bool, open, "open")                                 \
  X(std::optional<bool>, outbound_only, "outboundOnly") \
  X(std::optional<TranslationSpec>, nat, "nat")         \
  X(std::optional<uint32_t>, node, "node")
COSCANET_RECORD(EndpointSpec, "PolicyEndpoint", "endpoint", "endpoint ", COSCANET_ENDPOINT)

#define COSCANET_BLOCK(X)     \
  X(Address, vip, "vip")      \
  X(uint32_t, first, "first") \
  X(uint32_t, last, "last")   \
  X(Mac, mac, "mac")          \
  X(uint32_t, egress, "egress")
COSCANET_RECORD(BlockSpec, "PolicyBlock", "block", "block ", COSCANET_BLOCK)

#define COSCANET_GATEWAY(X) \
  X(Mac, mac, "mac")        \
  X(uint32_t, egress, "egress")
COSCANET_RECORD(GatewaySpec, "PolicyGateway", "gateway", "gateway ", COSCANET_GATEWAY)

#define COSCANET_TIMEOUTS(X)              \
  X(uint32_t, syn, "syn")                 \
  X(uint32_t, established, "established") \
  X(uint32_t, closing, "closing")         \
  X(uint32_t, udp, "udp")
COSCANET_RECORD(TimeoutsSpec, "FlowTimeouts", "service timeouts", "timeout ", COSCANET_TIMEOUTS)

#define COSCANET_AFFINITY(X)     \
  X(uint32_t, group, "group")    \
  X(Prefix, prefix, "prefix")    \
  X(Seconds, timeout, "timeout") \
  X(std::vector<uint32_t>, members, "members")
COSCANET_RECORD(AffinitySpec, "PolicyAffinity", "affinity", "affinity ", COSCANET_AFFINITY)

#define COSCANET_SERVICE(X)              \
  X(uint32_t, slot, "slot")              \
  X(Address, vip, "vip")                 \
  X(Protocol, protocol, "protocol")      \
  X(uint32_t, port, "port")              \
  X(std::vector<uint32_t>, ring, "ring") \
  X(TimeoutsSpec, timeouts, "timeouts")  \
  X(std::optional<AffinitySpec>, affinity, "affinity")
COSCANET_RECORD(ServiceSpec, "PolicyService", "service", "service ", COSCANET_SERVICE)

#define COSCANET_POLICY(X)                                   \
  X(std::optional<bool>, await_imports, "awaitImports")      \
  X(std::optional<bool>, routes, "routes")                   \
  X(std::optional<GatewaySpec>, gateway, "gateway")          \
  X(std::optional<std::vector<BlockSpec>>, blocks, "blocks") \
  X(std::vector<InterfaceSpec>, interfaces, "interfaces")    \
  X(std::vector<VipSpec>, vips, "vips")                      \
  X(std::vector<EndpointSpec>, endpoints, "endpoints")       \
  X(std::vector<ServiceSpec>, services, "services")
COSCANET_RECORD(PolicySpec, "Policy", "policy", "policy.", COSCANET_POLICY)

}  // namespace coscanet
