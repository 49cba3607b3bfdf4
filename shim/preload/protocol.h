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
// Both ends are on one machine: numbers are in host byte order. Included by C (preload) and C++ (addon).
#ifndef COSCANET_PROTOCOL_H
#define COSCANET_PROTOCOL_H

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

#endif
