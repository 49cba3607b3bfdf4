// What a program under libcoscanet.so says to the node agent, and what the agent answers: one message each on
// a fresh unix SEQPACKET connection to the abstract socket `@coscanet-agent` of the program's network
// namespace.
//
//   program                                     agent
//     connect ────────────────────────────────►   SO_PEERCRED: who asks (the message does not say it)
//     request + the socket itself (SCM_RIGHTS) ►   checks, binds that very socket, closes its copy
//     ◄──────────────────────────────── answer     errno (0 = done) and one line for people
//
// BIND and LISTEN carry what the program's own call says; CONNECT and SEND where the socket is about to
// connect or send to: the agent gives it a source, and the program's own call follows.
//
// Both ends are on one machine: numbers are in host byte order. C11 and C++: the preload library and the
// addon include this same file.
#ifndef COSCANET_ABI_SHIM_PROTOCOL_H
#define COSCANET_ABI_SHIM_PROTOCOL_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define COSCANET_AGENT_NAME "coscanet-agent"

// "CSN" and the version: an agent refuses what it does not know instead of guessing.
#define COSCANET_MAGIC 0x43534e02u

enum { COSCANET_BIND = 1, COSCANET_LISTEN = 2, COSCANET_CONNECT = 3, COSCANET_SEND = 4 };

// The answer to an earlier request for the same call was lost (the agent was restarted): the bind may be
// done.
#define COSCANET_FLAG_RETRY 1u
// CONNECT: the kernel found no free port for this remote in what the agent gave last.
#define COSCANET_FLAG_EXHAUSTED 2u

#define COSCANET_ADDRESS_MAX 128u
#define COSCANET_REASON_MAX 400u
#define COSCANET_ERRNO_MAX 4095

struct coscanet_request {
  uint32_t magic;
  uint16_t kind;
  uint16_t flags;
  uint32_t address_length;  // of `address`; 0 for COSCANET_LISTEN
  uint8_t address[COSCANET_ADDRESS_MAX];
};

// BIND: this one is not the agent's, the kernel is to do it as the program said.
#define COSCANET_ANSWER_KERNEL 1u
// CONNECT, SEND: holds for a while, for this remote or for all that the socket may send to.
#define COSCANET_ANSWER_REMOTE 2u
#define COSCANET_ANSWER_SOCKET 4u

struct coscanet_answer {
  uint32_t magic;
  int32_t error;           // 0 or an errno, positive
  uint32_t flags;          // COSCANET_ANSWER_…
  uint32_t reason_length;  // of `reason`, without a final zero
  char reason[COSCANET_REASON_MAX];
};

static_assert(offsetof(struct coscanet_request, kind) == 4, "wire form");
static_assert(offsetof(struct coscanet_request, flags) == 6, "wire form");
static_assert(offsetof(struct coscanet_request, address_length) == 8, "wire form");
static_assert(offsetof(struct coscanet_request, address) == 12, "wire form");
static_assert(sizeof(struct coscanet_request) == 140, "wire form");
static_assert(offsetof(struct coscanet_answer, error) == 4, "wire form");
static_assert(offsetof(struct coscanet_answer, flags) == 8, "wire form");
static_assert(offsetof(struct coscanet_answer, reason_length) == 12, "wire form");
static_assert(offsetof(struct coscanet_answer, reason) == 16, "wire form");
static_assert(sizeof(struct coscanet_answer) == 416, "wire form");

// Messages end with the last byte of what their length counts.
static inline size_t coscanet_request_size(uint32_t address_length) {
  return offsetof(struct coscanet_request, address) + address_length;
}

static inline size_t coscanet_answer_size(uint32_t reason_length) {
  return offsetof(struct coscanet_answer, reason) + reason_length;
}

// Are the `received` bytes a whole message of this version? Nothing may be read of one that is not.
static inline int coscanet_request_is_valid(const struct coscanet_request* request, size_t received) {
  return received >= coscanet_request_size(0) && request->magic == COSCANET_MAGIC &&
         request->kind >= COSCANET_BIND && request->kind <= COSCANET_SEND &&
         request->address_length <= COSCANET_ADDRESS_MAX &&
         received == coscanet_request_size(request->address_length);
}

static inline int coscanet_answer_is_valid(const struct coscanet_answer* answer, size_t received) {
  return received >= coscanet_answer_size(0) && answer->magic == COSCANET_MAGIC &&
         answer->reason_length <= COSCANET_REASON_MAX &&
         received >= coscanet_answer_size(answer->reason_length) && answer->error >= 0 &&
         answer->error <= COSCANET_ERRNO_MAX;
}

#endif
