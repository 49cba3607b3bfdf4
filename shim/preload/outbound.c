// What comes before a program's connect or send. See outbound.h.
#include "outbound.h"

#include <stdint.h>

#include "agent.h"
#include "answer_cache.h"
#include "report.h"
#include "source_cache.h"

// For stale answers. An agent that did not answer is not asked again for a while: it would delay each
// datagram.
enum { REFRESH_WAIT_MS = 50, SILENCE_SECONDS = 2 };

// In place of a cookie: the agent, when it did not answer.
#define SILENT_AGENT (~0ull)

int opens_outbound(int fd, const void* address, socklen_t length, struct address_copy* remote) {
  uint64_t key;
  int family;
  if (!read_remote(address, length, remote) || !is_outside(remote, &key)) return 0;
  remote->kind = socket_kind(fd, &family);
  return remote->kind != SOCKET_OTHER;
}

int ask_before_connect(int fd, const struct address_copy* remote, int is_exhausted) {
  struct coscanet_answer answer;
  uint32_t address = remote->address.v4.sin_addr.s_addr;
  int is_new = remote->kind == SOCKET_TCP && remote->address.any.sa_family == AF_INET && is_unbound(fd);
  if (is_exhausted) invalidate_source();
  if (is_new && bind_to_cached_source(fd, address)) return 0;
  ask_agent(fd, COSCANET_CONNECT, is_exhausted ? COSCANET_FLAG_EXHAUSTED : 0, remote, &answer);
  if (answer.error != 0)
    report_refusal("connect", remote, &answer);
  else if (is_new)
    cache_source(fd, address);
  return answer.error;
}

static enum freshness cached_for(uint64_t cookie, uint64_t remote) {
  enum freshness for_all = cached_answer(cookie, ALL_REMOTES);
  if (for_all == FRESH) return FRESH;
  enum freshness for_remote = cached_answer(cookie, remote);
  return for_remote > for_all ? for_remote : for_all;
}

// Renews a stale answer. False: the agent did not give one.
static int refresh(int fd, const struct address_copy* remote, struct coscanet_answer* answer) {
  int seconds = cached_age(SILENT_AGENT, ALL_REMOTES);
  if (seconds >= 0 && seconds < SILENCE_SECONDS) return 0;
  if (ask_agent_once(fd, COSCANET_SEND, remote, REFRESH_WAIT_MS, answer)) return 1;
  cache_answer(SILENT_AGENT, ALL_REMOTES);
  return 0;
}

int ask_before_send(int fd, int flags, const void* address, socklen_t length) {
  struct address_copy remote;
  struct coscanet_answer answer;
  uint64_t key;
  int family;
  if (!read_remote(address, length, &remote)) return 0;
  // sendto(2) of an IPv4 datagram socket takes AF_UNSPEC for AF_INET.
  if (remote.address.any.sa_family == AF_UNSPEC && socket_kind(fd, &family) == SOCKET_UDP &&
      family == AF_INET)
    remote.address.any.sa_family = AF_INET;
  if (!is_outside(&remote, &key)) return 0;
  if (flags & MSG_FASTOPEN && socket_kind(fd, &family) == SOCKET_TCP) {
    remote.kind = SOCKET_TCP;
    return ask_before_connect(fd, &remote, 0);
  }
  uint64_t cookie = socket_cookie(fd);
  enum freshness cached = cookie == 0 ? FRESH : cached_for(cookie, key);
  if (cached == FRESH) return 0;
  remote.kind = socket_kind(fd, &family);
  if (remote.kind != SOCKET_UDP) {
    cache_answer(cookie, ALL_REMOTES);
    return 0;
  }
  if (cached == ABSENT) {
    ask_agent(fd, COSCANET_SEND, 0, &remote, &answer);
  } else if (!refresh(fd, &remote, &answer)) {
    return 0;  // an agent that is being restarted interrupts no flow
  }
  if (answer.error != 0)
    report_refusal("send", &remote, &answer);
  else if (answer.flags & COSCANET_ANSWER_SOCKET)
    cache_answer(cookie, ALL_REMOTES);
  else if (answer.flags & COSCANET_ANSWER_REMOTE)
    cache_answer(cookie, key);
  return answer.error;
}

int ask_before_message(int fd, int flags, const struct msghdr* message) {
  // The head of a struct msghdr, which all libcs have in common.
  struct {
    const void* name;
    socklen_t length;
  } head;
  if (!copy_from_program(&head, message, sizeof head)) return 0;
  // Unlike sendto, sendmsg overlooks what is too long.
  if (head.length > COSCANET_ADDRESS_MAX && head.length <= INT32_MAX) head.length = COSCANET_ADDRESS_MAX;
  return ask_before_send(fd, flags, head.name, head.length);
}

void note_sender(int fd, int flags, const void* address, socklen_t length) {
  struct address_copy sender;
  uint64_t key;
  if (flags & MSG_ERRQUEUE) return;
  // The length is the name's own: there may have been less room for it, and nothing behind.
  if (!read_remote(address, length, &sender) || !is_outside(&sender, &key)) return;
  uint64_t cookie = socket_cookie(fd);
  if (cookie != 0 && cached_answer(cookie, ALL_REMOTES) != FRESH) cache_answer(cookie, key);
}
