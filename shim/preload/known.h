// What the agent has answered already, so that a conversation under way asks nobody. A small table of this
// process, without locks: each entry is one word. It holds hints, not truth: what it has lost is asked again.
#ifndef COSCANET_KNOWN_H
#define COSCANET_KNOWN_H

#include <stdint.h>

enum known { UNKNOWN, STALE, FRESH };

// In place of a remote: all of them.
#define ALL_REMOTES 0ull

// The socket, by its cookie (SO_COOKIE): descriptors are closed, duplicated and passed on behind our back. 0:
// what is no socket, or one of a kernel that does not tell.
uint64_t socket_cookie(int fd);

// The socket may send to the remote (48 bits, as is_outside says it): fresh for KNOWN_SECONDS, then stale.
void remember(uint64_t cookie, uint64_t remote);
enum known recall(uint64_t cookie, uint64_t remote);

// For how many seconds it has been known, begun ones included; -1: it is not.
int seconds_known(uint64_t cookie, uint64_t remote);

#endif
