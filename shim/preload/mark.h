// The mark of a translated socket (NAT): what it is bound to is a physical address and port of the node, what
// its program wanted, and sees, is the virtual one. The mark is a socket filter (SO_ATTACH_FILTER) that lets
// all packets pass and carries the virtual name in loads that nobody uses:
//
//   ld #MAGIC      ld #VIP      ld #PORT      ret #-1
//
// It lives and dies with the socket, accepted connections inherit it, any holder can read it (SO_GET_FILTER),
// and it needs neither the agent nor a file. Numbers are in host byte order. Included by C (preload) and C++
// (addon).
#ifndef COSCANET_MARK_H
#define COSCANET_MARK_H

#include <linux/filter.h>
#include <stdint.h>

// "CSN" and the form's version.
#define COSCANET_MARK_MAGIC 0x43534e81u
#define COSCANET_MARK_LENGTH 4u

static inline void write_mark(struct sock_filter* mark, uint32_t vip, uint16_t port) {
  const uint32_t values[COSCANET_MARK_LENGTH] = {COSCANET_MARK_MAGIC, vip, port, 0xffffffffu};
  for (unsigned i = 0; i < COSCANET_MARK_LENGTH; i++) {
    mark[i].code = i + 1 < COSCANET_MARK_LENGTH ? BPF_LD | BPF_IMM : BPF_RET | BPF_K;
    mark[i].jt = mark[i].jf = 0;
    mark[i].k = values[i];
  }
}

// Is the filter of `length` instructions a mark? Then `vip` and `port` are set.
static inline int read_mark(const struct sock_filter* filter, unsigned length, uint32_t* vip,
                            uint16_t* port) {
  if (length != COSCANET_MARK_LENGTH || filter[0].code != (BPF_LD | BPF_IMM) ||
      filter[0].k != COSCANET_MARK_MAGIC || filter[2].k > 65535)
    return 0;
  *vip = filter[1].k;
  *port = (uint16_t)filter[2].k;
  return 1;
}

#endif
