// A cache of the agent's answers, so that a flow under way asks nobody. A small table of this process,
// without locks: each entry is one word. It holds hints, not truth: what it has lost is asked again.
#ifndef COSCANET_ANSWER_CACHE_H
#define COSCANET_ANSWER_CACHE_H

#include <stdint.h>

enum freshness { ABSENT, STALE, FRESH };

// In place of a remote: all of them.
#define ALL_REMOTES 0ull

// The socket, by its cookie (SO_COOKIE): programs close, duplicate and pass descriptors without our notice.
// 0: no socket, or a kernel that has no cookies.
uint64_t socket_cookie(int fd);

// The socket may send to the remote (48 bits, as is_outside gives it): fresh for FRESH_SECONDS, then stale.
void cache_answer(uint64_t cookie, uint64_t remote);
enum freshness cached_answer(uint64_t cookie, uint64_t remote);

// Seconds since it was cached, rounded up; -1: it is not.
int cached_age(uint64_t cookie, uint64_t remote);

#endif
