// The table of cached answers. See answer_cache.h.
#include "answer_cache.h"

#include <errno.h>
#include <sys/socket.h>
#include <time.h>

#include "syscalls.h"

enum { FRESH_SECONDS = 20, ENTRIES = 1024, TIME_BITS = 20 };

#define TIME_MASK ((1ull << TIME_BITS) - 1)

// libc's own makes no system call (vDSO). A weak symbol: this library has no DT_NEEDED.
extern int clock_gettime(clockid_t clock, struct timespec* time) __attribute__((weak));

// 44 bits of a hash over socket and remote, and the second in which it was cached (recurs after 12 days).
static uint64_t entries[ENTRIES];

static uint64_t now_seconds(void) {
  struct timespec time = {0, 0};
  if (clock_gettime != 0) {
    clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
  } else {
    SYSCALL2(clock_gettime, CLOCK_MONOTONIC_COARSE, &time);
  }
  return (uint64_t)time.tv_sec & TIME_MASK;
}

// The finalizer of splitmix64, twice. Cookies count up, and remotes are as they come.
static uint64_t mix(uint64_t value) {
  value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9ull;
  value = (value ^ value >> 27) * 0x94d049bb133111ebull;
  return value ^ value >> 31;
}

static uint64_t hash(uint64_t cookie, uint64_t remote) {
  return mix(mix(cookie + 0x9e3779b97f4a7c15ull) ^ remote);
}

// Two ways: each hash has two slots, side by side.
static uint64_t* slot(uint64_t hashed, unsigned which) {
  return &entries[(hashed & (ENTRIES - 1)) ^ which];
}

static int is_same(uint64_t entry, uint64_t hashed) {
  return entry != 0 && (entry ^ hashed) >> TIME_BITS == 0;
}

static uint64_t age(uint64_t entry, uint64_t now) {
  return entry == 0 ? TIME_MASK : (now - entry) & TIME_MASK;
}

uint64_t socket_cookie(int fd) {
  uint64_t cookie = 0;
  socklen_t length = sizeof cookie;
  return SYSCALL5(getsockopt, fd, SOL_SOCKET, SO_COOKIE, &cookie, &length) < 0 ? 0 : cookie;
}

void cache_answer(uint64_t cookie, uint64_t remote) {
  uint64_t hashed = hash(cookie, remote), now = now_seconds();
  uint64_t* first = slot(hashed, 0);
  uint64_t* second = slot(hashed, 1);
  uint64_t one = __atomic_load_n(first, __ATOMIC_RELAXED), other = __atomic_load_n(second, __ATOMIC_RELAXED);
  int takes_second = !is_same(one, hashed) && (is_same(other, hashed) || age(other, now) > age(one, now));
  __atomic_store_n(takes_second ? second : first, (hashed & ~TIME_MASK) | now, __ATOMIC_RELAXED);
}

int cached_age(uint64_t cookie, uint64_t remote) {
  uint64_t hashed = hash(cookie, remote);
  for (unsigned which = 0; which < 2; which++) {
    uint64_t entry = __atomic_load_n(slot(hashed, which), __ATOMIC_RELAXED);
    if (is_same(entry, hashed)) return (int)age(entry, now_seconds());
  }
  return -1;
}

enum freshness cached_answer(uint64_t cookie, uint64_t remote) {
  int seconds = cached_age(cookie, remote);
  return seconds < 0 ? ABSENT : seconds <= FRESH_SECONDS ? FRESH : STALE;
}
