// What calls that the preload library sees cost a program: bench-calls PORT. Run plain, and as an instance.
// Prints nanoseconds for one call of each, the mean of many.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static uint16_t port;

static void die(const char* what) {
  perror(what);
  exit(1);
}

static double now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int bound(int type) {
  const int fd = socket(AF_INET, type, 0), one = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  if (fd < 0 || bind(fd, (struct sockaddr*)&address, sizeof address) != 0) die("bind");
  return fd;
}

static int kept;

static void ask_name(void) {
  struct sockaddr_in address;
  socklen_t length = sizeof address;
  getsockname(kept, (struct sockaddr*)&address, &length);
}
static void ask_unbound_name(void) {
  struct sockaddr_in address;
  socklen_t length = sizeof address;
  getsockname(0, (struct sockaddr*)&address, &length);
}
static void open_and_close(void) {
  close(socket(AF_INET, SOCK_STREAM, 0));
}
// To the network for measurements (RFC 2544): nobody answers, nor is waited for.
static void open_connection(void) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(0xc6120001)};
  if (connect(fd, (struct sockaddr*)&address, sizeof address) == 0 || errno != EINPROGRESS) die("connect");
  close(fd);
}
static void bind_datagram(void) {
  close(bound(SOCK_DGRAM));
}
static void bind_and_listen(void) {
  const int fd = bound(SOCK_STREAM);
  if (listen(fd, 16) != 0) die("listen");
  close(fd);
}

static void measure(const char* name, void (*call)(void), unsigned times, const char* end) {
  call();
  const double start = now_ns();
  for (unsigned i = 0; i < times; ++i) call();
  printf("\"%s\":%.1f%s", name, (now_ns() - start) / times, end);
}

int main(int argc, char** argv) {
  if (argc != 2 || (port = (uint16_t)atoi(argv[1])) == 0) {
    fprintf(stderr, "usage: bench-calls PORT\n");
    return 2;
  }
  printf("{");
  measure("socket, close", open_and_close, 20000, ",");
  measure("socket, connect, close", open_connection, 2000, ",");
  measure("socket, bind, close (UDP)", bind_datagram, 100, ",");
  measure("socket, bind, listen, close", bind_and_listen, 100, ",");
  kept = bound(SOCK_STREAM);
  if (listen(kept, 16) != 0) die("listen");
  measure("getsockname", ask_name, 100000, ",");
  measure("getsockname of what is no socket", ask_unbound_name, 100000, "}\n");
  return 0;
}
