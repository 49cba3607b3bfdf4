#pragma once
// Network address translation of one packet in place (RFC 3022): address, port and the checksums over them,
// by increments (RFC 1624). A checksum that the kernel has yet to finish holds the sum of the pseudo-header
// only.
#include "core/bytes.h"

namespace coscanet {

enum class End : uint8_t { source, destination };

/// Replaces address and port of one end. `l4_length`: bytes that stand behind the IPv4 header; a quoted
/// packet may be cut anywhere after the ports, and then its checksum is left alone. `unfinished`: see above.
void translate(uint8_t* ip, uint32_t ip_header, uint32_t l4_length, End end, const Address& address,
               uint16_t port, bool unfinished);

/// Replaces the address alone and brings the checksum of the IPv4 header up to date.
void translate_address(uint8_t* ip, End end, const Address& address);

/// One hop less to live; the caller has checked that there is one.
void decrement_ttl(uint8_t* ip);

}  // namespace coscanet
