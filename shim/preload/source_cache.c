// The source that the agent gave last. See source_cache.h.
#include "source_cache.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "answer_cache.h"
#include "syscalls.h"

#ifndef IP_LOCAL_PORT_RANGE
#define IP_LOCAL_PORT_RANGE 51
#endif
#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

// Less than SOURCE_CACHED_MS in ../agent/options.ts, for which the agent keeps what it gave.
enum { SOURCE_SECONDS = 3 };

// Address and range, as the kernel takes them, in one word; 0: none.
static uint64_t source;

static int read_name(int fd, struct sockaddr_in* name) {
  socklen_t length = sizeof *name;
  return SYSCALL3(getsockname, fd, name, &length) == 0 && length == sizeof *name;
}

// The key of a source in the answer cache: it holds for this process (a child may belong to another
// application) and this network namespace. 0: none.
static uint64_t source_key(int fd, uint64_t what) {
  uint64_t namespace = 0;
  socklen_t length = sizeof namespace;
  if (SYSCALL5(getsockopt, fd, SOL_SOCKET, SO_NETNS_COOKIE, &namespace, &length) < 0) return 0;
  return what ^ (namespace << 32 | (uint32_t)SYSCALL0(getpid)) * 0x9e3779b97f4a7c15ull;
}

static int set_option(int fd, int option, uint32_t value) {
  return SYSCALL5(setsockopt, fd, IPPROTO_IP, option, &value, sizeof value) == 0;
}

static uint32_t option_of(int fd, int option) {
  uint32_t value = 0;
  socklen_t length = sizeof value;
  return SYSCALL5(getsockopt, fd, IPPROTO_IP, option, &value, &length) < 0 ? 0 : value;
}

int is_unbound(int fd) {
  struct sockaddr_in name;
  return read_name(fd, &name) && name.sin_family == AF_INET && name.sin_addr.s_addr == INADDR_ANY &&
         name.sin_port == 0;
}

void cache_source(int fd, uint32_t remote) {
  struct sockaddr_in name;
  uint32_t range = option_of(fd, IP_LOCAL_PORT_RANGE);
  // Left as it was, or with a port that the agent chose itself.
  if (!read_name(fd, &name) || name.sin_addr.s_addr == INADDR_ANY || name.sin_port != 0 || range == 0) return;
  uint64_t given = (uint64_t)name.sin_addr.s_addr << 32 | range;
  uint64_t key = source_key(fd, given);
  if (key == 0) return;
  cache_answer(key, remote);
  __atomic_store_n(&source, given, __ATOMIC_RELAXED);
}

static int bind_to(int fd, uint64_t given) {
  struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = (uint32_t)(given >> 32)};
  uint32_t had = option_of(fd, IP_BIND_ADDRESS_NO_PORT);
  if (!set_option(fd, IP_LOCAL_PORT_RANGE, (uint32_t)given)) return 0;
  int done = set_option(fd, IP_BIND_ADDRESS_NO_PORT, 1) && SYSCALL3(bind, fd, &name, sizeof name) == 0;
  if (!had) set_option(fd, IP_BIND_ADDRESS_NO_PORT, 0);
  if (!done) set_option(fd, IP_LOCAL_PORT_RANGE, 0);
  return done;
}

int bind_to_cached_source(int fd, uint32_t remote) {
  uint64_t given = __atomic_load_n(&source, __ATOMIC_RELAXED);
  uint64_t key = given == 0 ? 0 : source_key(fd, given);
  if (key == 0) return 0;
  int seconds = cached_age(key, remote);
  return seconds >= 0 && seconds <= SOURCE_SECONDS && bind_to(fd, given);
}

void invalidate_source(void) {
  __atomic_store_n(&source, 0, __ATOMIC_RELAXED);
}
