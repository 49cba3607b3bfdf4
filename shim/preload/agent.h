// One question to the node agent: a connection of its own each time, because programs close descriptors that
// they do not know (closefrom), fork, and change roots.
#ifndef COSCANET_AGENT_H
#define COSCANET_AGENT_H

#include <sys/socket.h>

#include "protocol.h"

// How long a bind waits for an agent that is being restarted, and a listen for its registration.
enum { BIND_WAIT_MS = 5000, LISTEN_WAIT_MS = 50 };

// Asks until there is an answer, at most BIND_WAIT_MS. Without one, the answer is EADDRNOTAVAIL and why.
void ask_to_bind(int fd, const void* address, socklen_t length, struct coscanet_answer* answer);

// Tells the agent that `fd` listens and waits for its nod, at most LISTEN_WAIT_MS; no agent, no wait.
void tell_listening(int fd);

#endif
