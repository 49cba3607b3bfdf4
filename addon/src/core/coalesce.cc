#include "core/coalesce.h"

#include <cstring>

#include "core/ethernet.h"
#include "core/ipv4.h"
#include "core/tcp.h"

namespace coscanet {
namespace {

/// Shorter frames are requests and acknowledgments: seldom consecutive, and cheap.
constexpr uint32_t kShortest = 512;
/// A shaper's bucket holds some ten frames: what is longer it cuts at once, and has a timer for each piece.
/// And others on the link wait for such a frame no longer than 0.1 ms at 1 Gbit/s.
constexpr unsigned kMaxSegments = 8;
constexpr uint32_t kLongestPacket = 0xffff;
constexpr uint32_t kIp = ethernet::kHeader;
constexpr uint32_t kTcp = kIp + ipv4::kHeader;
constexpr uint16_t kChecksumAt = 16;
constexpr uint8_t kTcpV4 = 1;
/// Flags that segmentation leaves to the last segment alone.
constexpr uint8_t kLastSegmentFlags = tcp::kFin | tcp::kPsh;

uint32_t headers_of(const Frame& f) {
  return kTcp + tcp::header_length(f.data + kTcp);
}

bool is_checksum_right(const Frame& f) {
  const VnetHdr& vnet = *f.vnet();
  if (vnet.flags & VnetHdr::kNeedsChecksum) return vnet.csum_start == kTcp && vnet.csum_offset == kChecksumAt;
  return f.checksum_right;
}

/// A whole segment with payload, in a packet without IP options, not yet coalesced.
bool can_coalesce(const Frame& f) {
  const uint8_t* ip = f.data + kIp;
  return f.length >= kShortest && !f.tagged && f.vnet()->gso_type == 0 &&
         ethernet::type(f.data) == ethernet::kIpv4 && ip[0] == 0x45 && !ipv4::is_fragment(ip) &&
         ipv4::protocol(ip) == ipv4::kTcp && ipv4::total_length(ip) == f.length - kIp &&
         tcp::header_length(f.data + kTcp) >= tcp::kHeader && headers_of(f) < f.length &&
         is_checksum_right(f) && (tcp::flags(f.data + kTcp) & ~kLastSegmentFlags) == tcp::kAck &&
         !(f.data[kTcp + 13] & 0xc0);
}

/// Whether `f` is segment number `n` after `first`.
bool follows(const Frame& first, const Frame& f, unsigned n) {
  const uint32_t headers = headers_of(first);
  const uint8_t *a = first.data, *b = f.data;
  const auto same = [&](uint32_t from, uint32_t to) { return memcmp(a + from, b + from, to - from) == 0; };
  const uint16_t identification = load_be16(a + kIp + 4);
  const bool identified =
      ipv4::dont_fragment(a + kIp) || load_be16(b + kIp + 4) == static_cast<uint16_t>(identification + n);
  return headers_of(f) == headers && identified && same(0, kIp + 2) && same(kIp + 6, kIp + 10) &&
         same(kIp + 12, kTcp + 4) && same(kTcp + 8, kTcp + 13) && same(kTcp + 14, kTcp + 16) &&
         same(kTcp + 18, headers) &&
         tcp::sequence(b + kTcp) == tcp::sequence(a + kTcp) + n * (first.length - headers);
}

unsigned segment_count(Frame* const* frames, unsigned count) {
  const Frame& first = *frames[0];
  if (count < 2 || frames[1]->length < kShortest || !can_coalesce(first)) return 1;
  unsigned segments = 1;
  uint32_t packet = first.length - kIp;
  for (const Frame* last = &first; segments < count && segments < kMaxSegments; last = frames[segments++]) {
    const Frame& f = *frames[segments];
    if (last->length != first.length || (tcp::flags(last->data + kTcp) & kLastSegmentFlags)) break;
    if (f.length > first.length || !can_coalesce(f) || !follows(first, f, segments)) break;
    packet += f.length - headers_of(first);
    if (packet > kLongestPacket) break;
  }
  return segments;
}

}  // namespace

Coalesced coalesce(Frame* const* frames, unsigned count) {
  Frame& first = *frames[0];
  const unsigned segments = segment_count(frames, count);
  if (segments == 1) return {segments, 0};
  const uint32_t headers = headers_of(first);
  uint8_t *ip = first.data + kIp, *segment = first.data + kTcp;
  *first.vnet() = {VnetHdr::kNeedsChecksum,
                   kTcpV4,
                   static_cast<uint16_t>(headers),
                   static_cast<uint16_t>(first.length - headers),
                   kTcp,
                   kChecksumAt};
  segment[13] |= tcp::flags(frames[segments - 1]->data + kTcp) & kLastSegmentFlags;

  uint32_t length = first.length;
  for (unsigned i = 1; i < segments; ++i) length += frames[i]->length - headers;
  ChecksumChange change;
  const uint16_t before = load_be16(ip + 2);
  store_be16(ip + 2, static_cast<uint16_t>(length - kIp));
  change.word(__builtin_bswap16(before), __builtin_bswap16(load_be16(ip + 2)));
  change.apply(ip + 10);
  // Unfinished: the sum of the pseudo-header alone.
  store_be16(segment + kChecksumAt,
             static_cast<uint16_t>(~checksum_finish(ipv4::pseudo_sum(ip, length - kTcp))));
  return {segments, headers};
}

}  // namespace coscanet
