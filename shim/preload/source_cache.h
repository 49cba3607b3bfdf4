// The source that the agent gave to a TCP socket of this process last: an address, and a range of ports out
// of which the kernel chooses at connect. For a few seconds the library gives it to other sockets that
// connect to the same address, and asks nobody; the agent keeps address and ports for longer than that.
#ifndef COSCANET_SOURCE_CACHE_H
#define COSCANET_SOURCE_CACHE_H

#include <stdint.h>

// Is it an IPv4 socket that is not bound?
int is_unbound(int fd);

// Caches the source that the agent has just given to a socket which was unbound. `remote`: the address that
// it connects to.
void cache_source(int fd, uint32_t remote);

// Binds an unbound socket to the source that is cached for the remote address. False: there is none, nothing
// is done.
int bind_to_cached_source(int fd, uint32_t remote);

// The kernel found no port in it.
void invalidate_source(void);

#endif
