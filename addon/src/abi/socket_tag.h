// The tag of a NAT-mode socket: it is bound to an address and port of the node, and stands for a virtual
// address and port, which is what its program asked for and sees. The tag is a socket filter
// (SO_ATTACH_FILTER) that lets all packets pass and carries the virtual address in loads whose result nobody
// uses:
//
//   ld #MAGIC      ld #VIP      ld #PORT      ret #-1
//
// It lives and dies with the socket, accepted connections inherit it, any holder can read it (SO_GET_FILTER),
// and it needs neither the agent nor a file. Numbers are in host byte order. (SO_MARK, which routes packets,
// is another thing.) C11 and C++: the preload library and the addon include this same file.
#ifndef COSCANET_ABI_SOCKET_TAG_H
#define COSCANET_ABI_SOCKET_TAG_H

#include <assert.h>
#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

// "CSN" and the version of this form.
#define COSCANET_TAG_MAGIC 0x43534e81u
#define COSCANET_TAG_LENGTH 4u

// The kernel's form of an instruction, which the tag is read from.
static_assert(sizeof(struct sock_filter) == 8, "kernel ABI");
static_assert(offsetof(struct sock_filter, k) == 4, "kernel ABI");

static inline void write_socket_tag(struct sock_filter* tag, uint32_t vip, uint16_t port) {
  const uint32_t values[COSCANET_TAG_LENGTH] = {COSCANET_TAG_MAGIC, vip, port, 0xffffffffu};
  for (unsigned i = 0; i < COSCANET_TAG_LENGTH; i++) {
    tag[i].code = i + 1 < COSCANET_TAG_LENGTH ? BPF_LD | BPF_IMM : BPF_RET | BPF_K;
    tag[i].jt = tag[i].jf = 0;
    tag[i].k = values[i];
  }
}

// Is the filter of `length` instructions a tag? Then `vip` and `port` are set.
static inline int read_socket_tag(const struct sock_filter* filter, unsigned length, uint32_t* vip,
                                  uint16_t* port) {
  if (length != COSCANET_TAG_LENGTH || filter[0].code != (BPF_LD | BPF_IMM) ||
      filter[0].k != COSCANET_TAG_MAGIC || filter[2].k > 65535)
    return 0;
  *vip = filter[1].k;
  *port = (uint16_t)filter[2].k;
  return 1;
}

#endif
