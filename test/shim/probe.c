// Makes one call and prints its result and errno (77 before the call): "0 77", "-1 13".
//
//   probe bind FAMILY TYPE ADDRESS PORT     FAMILY 4 or 6, TYPE tcp or udp
//   probe names FAMILY TYPE ADDRESS PORT    binds and prints what getsockname says, in many situations
//   probe CASE                              malformed calls and awkward surroundings, see below
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static struct sockaddr_in wanted(const char* address, int port) {
  struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(port)};
  inet_pton(AF_INET, address, &name.sin_addr);
  return name;
}

static int tcp(void) {
  return socket(AF_INET, SOCK_STREAM, 0);
}

static void say(int result) {
  int error = errno;
  char line[64];
  int length = snprintf(line, sizeof line, "%d %d\n", result, error);
  if (write(1, line, length) != length) _exit(9);
}

static int call(int fd, const void* name, socklen_t length) {
  errno = 77;
  return bind(fd, name, length);
}

static int bind_one(char** arguments) {
  int is_v6 = arguments[0][0] == '6', port = atoi(arguments[3]);
  int fd = socket(is_v6 ? AF_INET6 : AF_INET, strcmp(arguments[1], "tcp") == 0 ? SOCK_STREAM : SOCK_DGRAM, 0);
  struct sockaddr_in v4 = wanted(is_v6 ? "0.0.0.0" : arguments[2], port);
  struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
  inet_pton(AF_INET6, arguments[2], &v6.sin6_addr);
  say(is_v6 ? call(fd, &v6, sizeof v6) : call(fd, &v4, sizeof v4));
  return fd;
}

// "listener: 0 77 10.77.0.100 80 of 16"
static void say_name(const char* who, int fd) {
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
  } name;
  socklen_t length = sizeof name;
  char text[INET6_ADDRSTRLEN] = "";
  memset(&name, 0xee, sizeof name);
  errno = 77;
  int result = getsockname(fd, &name.any, &length);
  int is_v6 = name.any.sa_family == AF_INET6;
  inet_ntop(name.any.sa_family, is_v6 ? (void*)&name.v6.sin6_addr : (void*)&name.v4.sin_addr, text,
            sizeof text);
  if (is_v6 && (name.v6.sin6_flowinfo != 0 || name.v6.sin6_scope_id != 0)) _exit(7);
  dprintf(1, "%s: %d %d %s %d of %d\n", who, result, errno, text, ntohs(name.v4.sin_port), (int)length);
}

// Room for `room` bytes only: what is written, and that nothing is behind.
static void say_short_name(int fd, int room) {
  unsigned char bytes[40];
  socklen_t length = room;
  memset(bytes, 0xee, sizeof bytes);
  errno = 77;
  int result = getsockname(fd, (struct sockaddr*)bytes, &length), error = errno;
  dprintf(1, "room %d: %d %d of %d ", room, result, error, (int)length);
  for (int i = 0; i < 8; i++) dprintf(1, "%02x", bytes[i]);
  dprintf(1, "\n");
}

static void say_names(char** arguments) {
  int fd = bind_one(arguments), is_tcp = strcmp(arguments[1], "tcp") == 0;
  struct sockaddr_in physical = {.sin_family = AF_INET};
  struct sockaddr_in6 raw;
  socklen_t length = sizeof raw;
  int accepted = -1, client = socket(AF_INET, is_tcp ? SOCK_STREAM : SOCK_DGRAM, 0);
  say_name("bound", fd);
  if (is_tcp) listen(fd, 5);
  say_name("twin", dup(fd));
  // Without the library: where a client has to go.
  syscall(SYS_getsockname, fd, &raw, &length);
  physical.sin_port = raw.sin6_port;
  inet_pton(AF_INET, "127.0.0.9", &physical.sin_addr);
  if (connect(client, (void*)&physical, sizeof physical) < 0) _exit(6);
  if (is_tcp) accepted = accept(fd, NULL, NULL);
  if (is_tcp) say_name("accepted", accepted);
  getsockname(client, (void*)&physical, &(socklen_t){sizeof physical});
  dprintf(1, "client: %s\n", inet_ntoa(physical.sin_addr));
  if (fork() == 0) {
    if (setuid(65534) == 0) say_name("child", is_tcp ? accepted : fd);
    _exit(0);
  }
  wait(NULL);
  say_short_name(fd, 0);
  say_short_name(fd, 3);
  say_short_name(fd, 6);
  say_short_name(fd, -1);
  errno = 77, say(getsockname(fd, (void*)8, &(socklen_t){sizeof raw}));
  errno = 77, say(getsockname(fd, (void*)&raw, (void*)8));
  errno = 77, say(getsockname(fd, NULL, &(socklen_t){0}));
  // struct sock_filter and sock_fprog, which musl does not bring: "ret #-1".
  struct {
    unsigned short code;
    unsigned char jt, jf;
    unsigned k;
  } all = {6, 0, 0, 0xffffffff};
  struct {
    unsigned short length;
    void* filter;
  } own = {1, &all};
  say(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &own, sizeof own));
  say_name("own filter", fd);
}

static void* bind_in_thread(void* unused) {
  struct sockaddr_in name = wanted("10.0.0.1", 1);
  say(call(tcp(), &name, sizeof name));
  return unused;
}

static void on_alarm(int number) {
  (void)number;
}

static void run_case(const char* which) {
  struct sockaddr_in name = wanted("10.0.0.1", 1);
  struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(1)};
  struct sockaddr_un local = {.sun_family = AF_UNIX, .sun_path = "\0coscanet-test"};
  if (strcmp(which, "bad-pointer") == 0) say(call(tcp(), (void*)8, sizeof name));
  if (strcmp(which, "null-pointer") == 0) say(call(tcp(), NULL, sizeof name));
  if (strcmp(which, "short") == 0) say(call(tcp(), &name, sizeof name - 1));
  if (strcmp(which, "zero-length") == 0) say(call(tcp(), NULL, 0));
  if (strcmp(which, "huge") == 0) say(call(tcp(), &name, 4096));
  if (strcmp(which, "negative") == 0) say(call(tcp(), &name, (socklen_t)-1));
  if (strcmp(which, "bad-fd") == 0) say(call(99, &name, sizeof name));
  if (strcmp(which, "no-socket") == 0) say(call(0, &name, sizeof name));
  if (strcmp(which, "other-family") == 0) say(call(tcp(), &v6, sizeof v6));
  if (strcmp(which, "v4-on-v6") == 0) say(call(socket(AF_INET6, SOCK_STREAM, 0), &name, sizeof v6));
  if (strcmp(which, "unix") == 0) say(call(socket(AF_UNIX, SOCK_STREAM, 0), &local, sizeof local));
  socklen_t length = sizeof v6;
  errno = 77;
  if (strcmp(which, "name-bad-fd") == 0) say(getsockname(99, (void*)&v6, &length));
  if (strcmp(which, "name-no-socket") == 0) say(getsockname(0, (void*)&v6, &length));
  if (strcmp(which, "name-bad-address") == 0) say(getsockname(tcp(), (void*)8, &length));
  if (strcmp(which, "name-bad-length") == 0) say(getsockname(tcp(), (void*)&v6, (void*)8));
  if (strcmp(which, "name-negative") == 0) say(getsockname(tcp(), (void*)&v6, &(socklen_t){-1}));
  if (strcmp(which, "name-unbound") == 0) say(getsockname(tcp(), (void*)&v6, &length));
  if (strcmp(which, "name-unix") == 0) say(getsockname(socket(AF_UNIX, SOCK_STREAM, 0), (void*)&v6, &length));
  if (strcmp(which, "listen-bad-fd") == 0) errno = 77, say(listen(99, 1));
  if (strcmp(which, "listen-unbound") == 0) errno = 77, say(listen(tcp(), 1));
  if (strcmp(which, "vfork") == 0) {
    pid_t child = vfork();
    if (child == 0) {
      say(call(tcp(), &name, sizeof name));
      _exit(0);
    }
    waitpid(child, NULL, 0);
  }
  if (strcmp(which, "threads") == 0) {
    pthread_t threads[8];
    for (int i = 0; i < 8; i++) pthread_create(&threads[i], NULL, bind_in_thread, NULL);
    for (int i = 0; i < 8; i++) pthread_join(threads[i], NULL);
  }
  if (strcmp(which, "signals") == 0) {
    struct sigaction action = {.sa_handler = on_alarm};  // without SA_RESTART
    struct itimerval often = {{0, 500}, {0, 500}};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    say(call(tcp(), &name, sizeof name));
  }
  if (strcmp(which, "closed-streams") == 0) {
    close(0);
    close(2);
    int fd = tcp();
    say(call(fd == 0 ? fd : dup(fd), &name, sizeof name));
  }
  if (strcmp(which, "broken-stderr") == 0) {
    int pipes[2];
    if (pipe(pipes) < 0) _exit(9);
    close(pipes[0]);
    dup2(pipes[1], 2);
    say(call(tcp(), &name, sizeof name));
    sigset_t pending;
    sigpending(&pending);
    if (sigismember(&pending, SIGPIPE)) _exit(8);
  }
}

int main(int count, char** arguments) {
  if (count == 6 && strcmp(arguments[1], "bind") == 0) bind_one(arguments + 2);
  if (count == 6 && strcmp(arguments[1], "names") == 0) say_names(arguments + 2);
  if (count == 2) run_case(arguments[1]);
  return 0;
}
