// One question to the node agent. Safe against signals, a closed stderr, closefrom in another thread, and an
// agent that goes away in the middle.
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <sys/un.h>
#include <time.h>

#include "syscalls.h"

enum { RETRY_PAUSE_MS = 20 };

enum outcome {
  ANSWERED,
  NO_AGENT,     // nobody listens, or its queue is full
  NO_SOCKET,    // no descriptor left, or a sandbox forbids unix sockets
  IMPOSTOR,     // another user's program listens on the agent's name
  ANSWER_LOST,  // the request was sent: it may have been carried out
};

static long long now_ms(void) {
  struct timespec time = {0, 0};
  SYSCALL2(clock_gettime, CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000LL + time.tv_nsec / 1000000;
}

static void pause_ms(int milliseconds) {
  struct timespec time = {0, milliseconds * 1000000L};
  SYSCALL2(nanosleep, &time, 0);
}

static enum outcome open_connection(int* connection) {
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  static const char agent[] = COSCANET_AGENT_NAME;
  for (unsigned i = 0; i < sizeof agent - 1; i++) name.sun_path[1 + i] = agent[i];
  long fd = SYSCALL3(socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return NO_SOCKET;
  if (fd <= 2) {
    // The program runs without standard streams; what it prints must not end up in our connection.
    long higher = SYSCALL3(fcntl, fd, F_DUPFD_CLOEXEC, 3);
    SYSCALL1(close, fd);
    if (higher < 0) return NO_SOCKET;
    fd = higher;
  }
  *connection = (int)fd;
  if (SYSCALL3(connect, fd, &name, offsetof(struct sockaddr_un, sun_path) + sizeof agent) < 0)
    return NO_AGENT;
  // An abstract name has no owner while no agent runs. Root may have the socket, and the program's own user,
  // who could trace the program anyway.
  struct {
    int pid;
    unsigned uid, gid;
  } peer = {0, -1u, 0};
  socklen_t length = sizeof peer;
  SYSCALL5(getsockopt, fd, SOL_SOCKET, SO_PEERCRED, &peer, &length);
  return peer.uid == 0 || peer.uid == (unsigned)SYSCALL0(geteuid) ? ANSWERED : IMPOSTOR;
}

static long send_request(int connection, int fd, const struct coscanet_request* request) {
  struct iovec part = {(void*)request, coscanet_request_size(request->address_length)};
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
  } control = {.bytes = {0}};
  control.header.cmsg_len = CMSG_LEN(sizeof(int));
  control.header.cmsg_level = SOL_SOCKET;
  control.header.cmsg_type = SCM_RIGHTS;
  *(int*)CMSG_DATA(&control.header) = fd;
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  long sent;
  do sent = SYSCALL3(sendmsg, connection, &message, MSG_NOSIGNAL);
  while (sent == -EINTR);
  return sent;
}

static enum outcome receive_answer(int connection, long long deadline, struct coscanet_answer* answer) {
  for (;;) {
    long received = SYSCALL6(recvfrom, connection, answer, sizeof *answer, MSG_DONTWAIT, 0, 0);
    if (received >= 0) {
      return coscanet_answer_is_valid(answer, (size_t)received) ? ANSWERED : ANSWER_LOST;
    }
    if (received != -EAGAIN && received != -EINTR) return ANSWER_LOST;
    long long rest = deadline - now_ms();
    if (rest <= 0) return ANSWER_LOST;
    struct pollfd poll = {connection, POLLIN, 0};
    struct timespec wait = {rest / 1000, rest % 1000 * 1000000};
    SYSCALL5(ppoll, &poll, 1, &wait, 0, 8);
  }
}

static enum outcome ask_once(int fd, const struct coscanet_request* request, long long deadline,
                             struct coscanet_answer* answer) {
  int connection = -1;
  enum outcome outcome = open_connection(&connection);
  if (outcome == ANSWERED) {
    outcome =
        send_request(connection, fd, request) < 0 ? NO_AGENT : receive_answer(connection, deadline, answer);
  }
  if (connection >= 0) SYSCALL1(close, connection);
  return outcome;
}

static void explain(enum outcome outcome, struct coscanet_answer* answer) {
  const char* reason = outcome == NO_AGENT    ? "no coscanet-node agent runs in this network namespace"
                       : outcome == NO_SOCKET ? "cannot open a unix socket to the coscanet-node agent"
                       : outcome == IMPOSTOR
                           ? "a program of another user pretends to be the coscanet-node agent"
                           : "the coscanet-node agent did not answer within 5 s";
  answer->error = EADDRNOTAVAIL;
  answer->flags = 0;
  answer->reason_length = 0;
  while (*reason != 0) answer->reason[answer->reason_length++] = *reason++;
}

static struct coscanet_request make_request(int kind, unsigned flags, const struct address_copy* wanted) {
  struct coscanet_request request = {
      .magic = COSCANET_MAGIC, .kind = (uint16_t)kind, .flags = (uint16_t)flags};
  if (wanted == 0) return request;
  request.address_length = wanted->length;
  for (socklen_t i = 0; i < wanted->length; i++) request.address[i] = wanted->address.bytes[i];
  return request;
}

void ask_agent(int fd, int kind, unsigned flags, const struct address_copy* wanted,
               struct coscanet_answer* answer) {
  struct coscanet_request request = make_request(kind, flags, wanted);
  long long deadline = now_ms() + AGENT_WAIT_MS;
  for (;;) {
    enum outcome outcome = ask_once(fd, &request, deadline, answer);
    if (outcome == ANSWERED) return;
    if (outcome == ANSWER_LOST) request.flags |= COSCANET_FLAG_RETRY;
    if (now_ms() + RETRY_PAUSE_MS >= deadline) {
      explain(outcome, answer);
      return;
    }
    pause_ms(RETRY_PAUSE_MS);
  }
}

int ask_agent_once(int fd, int kind, const struct address_copy* wanted, int wait_ms,
                   struct coscanet_answer* answer) {
  struct coscanet_request request = make_request(kind, 0, wanted);
  return ask_once(fd, &request, now_ms() + wait_ms, answer) == ANSWERED;
}
