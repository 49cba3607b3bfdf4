// The smallest UDP datagrams, as fast as may be, in many flows; and something that takes them.
//
//   bench-datagrams send INTERFACE MAC ADDRESS PORT FLOWS RATE MILLISECONDS   RATE 0: as fast as it can
//   bench-datagrams take PORT                                                 binds, and reads nothing
//
// Frames go straight to the interface (AF_PACKET), since sockets would be the bottleneck: 60 bytes, 64 with
// the checksum of the wire. Flow i comes from 198.18.0.0 + (i mod 2^14) (RFC 2544), port 1024 + i / 2^14.
// `send` prints how many it sent and in how many nanoseconds.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { FRAME = 60, BATCH = 64, ADDRESS_BITS = 14, IP = 14, UDP = 34 };

static void die(const char* what) {
  perror(what);
  exit(1);
}

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void put16(uint8_t* p, unsigned value) {
  p[0] = (uint8_t)(value >> 8);
  p[1] = (uint8_t)value;
}

static uint32_t sum_of(const uint8_t* p, unsigned length) {
  uint32_t sum = 0;
  for (unsigned i = 0; i < length; i += 2) sum += (uint32_t)p[i] << 8 | p[i + 1];
  return sum;
}

static void build(uint8_t* frame, const uint8_t* to, const uint8_t* from, in_addr_t address, unsigned port) {
  memset(frame, 0, FRAME);
  memcpy(frame, to, 6);
  memcpy(frame + 6, from, 6);
  put16(frame + 12, ETHERTYPE_IP);
  frame[IP] = 0x45;
  put16(frame + IP + 2, FRAME - IP);
  put16(frame + IP + 6, 0x4000);
  frame[IP + 8] = 64;
  frame[IP + 9] = IPPROTO_UDP;
  frame[IP + 12] = 198;
  frame[IP + 13] = 18;
  memcpy(frame + IP + 16, &address, 4);
  put16(frame + UDP + 2, port);
  put16(frame + UDP + 4, FRAME - UDP);  // the checksum stays 0: none
}

static void set_flow(uint8_t* frame, uint64_t flow) {
  put16(frame + IP + 14, (unsigned)(flow & ((1u << ADDRESS_BITS) - 1)));
  put16(frame + UDP, (unsigned)(1024 + (flow >> ADDRESS_BITS)));
  put16(frame + IP + 10, 0);
  uint32_t sum = sum_of(frame + IP, 20);
  sum = (sum & 0xffff) + (sum >> 16);
  put16(frame + IP + 10, ~(sum + (sum >> 16)) & 0xffff);
}

static int open_interface(const char* name, uint8_t* mac) {
  struct ifreq request = {0};
  strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  int fd = socket(AF_PACKET, SOCK_RAW, 0);  // protocol 0: receives nothing
  if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &request) != 0) die(name);
  memcpy(mac, request.ifr_hwaddr.sa_data, 6);
  struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(name)};
  const int one = 1;
  if (bind(fd, (struct sockaddr*)&address, sizeof address) != 0) die("bind");
  setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof one);
  return fd;
}

/// Waits until `count` packets are due at `rate` a second.
static void pace(uint64_t start, uint64_t count, uint64_t rate) {
  const uint64_t due = start + count * 1000000000 / rate;
  const struct timespec t = {(time_t)(due / 1000000000), (long)(due % 1000000000)};
  if (due > now_ns()) clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static int send_all(char** argv) {
  uint8_t to[6], from[6];
  if (sscanf(argv[1], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", to, to + 1, to + 2, to + 3, to + 4, to + 5) != 6)
    die("MAC");
  const int fd = open_interface(argv[0], from);
  const in_addr_t address = inet_addr(argv[2]);
  const unsigned port = (unsigned)atoi(argv[3]);
  const uint64_t flows = strtoull(argv[4], NULL, 10), rate = strtoull(argv[5], NULL, 10);
  const uint64_t length = strtoull(argv[6], NULL, 10) * 1000000;
  static uint8_t frames[BATCH][FRAME];
  static struct mmsghdr messages[BATCH];
  struct iovec vectors[BATCH];
  for (unsigned i = 0; i < BATCH; ++i) {
    build(frames[i], to, from, address, port);
    vectors[i] = (struct iovec){frames[i], FRAME};
    messages[i].msg_hdr.msg_iov = &vectors[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  uint64_t sent = 0, random = 88172645463325252u;
  const uint64_t start = now_ns();
  while (now_ns() - start < length) {
    for (unsigned i = 0; i < BATCH; ++i) {
      random ^= random << 13, random ^= random >> 7, random ^= random << 17;
      set_flow(frames[i], random % flows);
    }
    const int done = sendmmsg(fd, messages, BATCH, 0);
    if (done > 0) sent += (uint64_t)done;
    if (rate) pace(start, sent, rate);
  }
  printf("{\"sent\":%llu,\"nanoseconds\":%llu}\n", (unsigned long long)sent,
         (unsigned long long)(now_ns() - start));
  return 0;
}

static _Noreturn void take(const char* port) {
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  const int least = 1;  // what does not fit is dropped at once, which is the cheapest
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof least);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
  if (fd < 0 || bind(fd, (struct sockaddr*)&address, sizeof address) != 0) die("bind");
  for (;;) pause();
}

int main(int argc, char** argv) {
  if (argc == 9 && strcmp(argv[1], "send") == 0) return send_all(argv + 2);
  if (argc == 3 && strcmp(argv[1], "take") == 0) take(argv[2]);
  fprintf(stderr,
          "usage: bench-datagrams send INTERFACE MAC ADDRESS PORT FLOWS RATE MILLISECONDS | take PORT\n");
  return 2;
}
