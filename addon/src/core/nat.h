#pragma once
// Network address translation of one packet in place (RFC 3022): address, port and the checksums over them,
// updated incrementally (RFC 1624). A checksum that the kernel has yet to finish holds the sum of the
// pseudo-header only.
#include "core/bytes.h"

namespace coscanet {

enum class PacketEnd : uint8_t { source, destination };

/// Replaces address and port of one end. `l4_length`: bytes behind the IPv4 header; a quoted packet may be
/// cut anywhere after the ports, and then its checksum is left alone. `unfinished`: see above.
void replace_end(uint8_t* ip, uint32_t ip_header, uint32_t l4_length, PacketEnd end, const Address& address,
                 uint16_t port, bool unfinished);

/// Replaces the address alone and updates the checksum of the IPv4 header.
void replace_address(uint8_t* ip, PacketEnd end, const Address& address);

/// The caller has checked that the TTL is above 1.
void decrement_ttl(uint8_t* ip);

}  // namespace coscanet
