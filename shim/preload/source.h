// The source that the agent gave to a TCP socket of this process last: an address, and a range of ports out
// of which the kernel chooses at connect. For a few seconds the library gives it to others that connect to
// the same address, and asks nobody; the agent leaves address and ports in place for longer than that.
#ifndef COSCANET_SOURCE_H
#define COSCANET_SOURCE_H

#include <stdint.h>

// Is it an IPv4 socket that is bound to nothing?
int is_unbound(int fd);

// The socket, unbound before, has its source from the agent. `remote`: the address that it connects to.
void learn_source(int fd, uint32_t remote);

// Gives an unbound socket the source that is known for the remote address. False: there is none, nothing is
// done.
int bind_to_source(int fd, uint32_t remote);

// The kernel found no port in it.
void forget_source(void);

#endif
