// One question to the node agent: a connection of its own each time, because programs close descriptors that
// they do not know (closefrom), fork, and change roots.
#ifndef COSCANET_AGENT_H
#define COSCANET_AGENT_H

#include "abi/shim_protocol.h"
#include "address.h"

// How long a call waits for an agent that is being restarted.
enum { AGENT_WAIT_MS = 5000 };

// Asks until there is an answer, at most AGENT_WAIT_MS. Without one, the answer is EADDRNOTAVAIL and why.
void ask_agent(int fd, int kind, unsigned flags, const struct address_copy* wanted,
               struct coscanet_answer* answer);

// Asks once and waits at most `wait_ms`; no agent, no wait. `wanted` may be null. Was there an answer?
int ask_agent_once(int fd, int kind, const struct address_copy* wanted, int wait_ms,
                   struct coscanet_answer* answer);

#endif
