// Talks in one of many ways and prints results with errno (77 before each call): "0 77", "-1 13".
//
//   talk kernel      malformed calls, and all that is not IPv4 out in the world: a line each
//   talk CASE        see main
// 198.51.100.0/24 is the world, 198.51.100.9 an address of this host.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long later;

// The library asks us for the time: it ages when we say so.
int clock_gettime(clockid_t clock, struct timespec* time) {
  long result = syscall(SYS_clock_gettime, clock, time);
  time->tv_sec += later;
  return (int)result;
}

static struct sockaddr_in v4(const char* address, int port) {
  struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(port)};
  inet_pton(AF_INET, address, &name.sin_addr);
  return name;
}

static struct sockaddr_in6 v6(const char* address, int port) {
  struct sockaddr_in6 name = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
  inet_pton(AF_INET6, address, &name.sin6_addr);
  return name;
}

static int tcp(void) {
  return socket(AF_INET, SOCK_STREAM, 0);
}

static int udp(void) {
  return socket(AF_INET, SOCK_DGRAM, 0);
}

static void say(const char* what, long result) {
  dprintf(1, "%s: %ld %d\n", what, result, errno);
  errno = 77;
}

#define SAY(what, call) (errno = 77, say(what, call))

static void connect_as_kernel(void) {
  struct sockaddr_in world = v4("198.51.100.1", 9), lo = v4("127.0.0.1", 9), any = v4("0.0.0.0", 9);
  struct sockaddr_in group = v4("224.0.0.5", 9), all = v4("255.255.255.255", 9), local = v4("169.254.1.1", 9);
  struct sockaddr_in6 lo6 = v6("::1", 9), world6 = v6("2001:db8::1", 9), mapped = v6("::ffff:127.0.0.1", 9);
  struct sockaddr_un path = {.sun_family = AF_UNIX, .sun_path = "\0nobody"};
  struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  struct sockaddr none = {.sa_family = AF_UNSPEC};
  SAY("bad pointer", connect(tcp(), (void*)8, sizeof world));
  SAY("null", connect(tcp(), NULL, sizeof world));
  SAY("zero", connect(tcp(), NULL, 0));
  SAY("short", connect(tcp(), (void*)&world, sizeof world - 1));
  SAY("huge", connect(tcp(), (void*)&world, 4096));
  SAY("negative", connect(tcp(), (void*)&world, -1));
  SAY("bad descriptor", connect(99, (void*)&world, sizeof world));
  SAY("no socket", connect(open("/dev/null", O_RDONLY), (void*)&world, sizeof world));
  SAY("loopback", connect(tcp(), (void*)&lo, sizeof lo));
  SAY("0.0.0.0", connect(tcp(), (void*)&any, sizeof any));
  SAY("multicast", connect(udp(), (void*)&group, sizeof group));
  SAY("broadcast", connect(udp(), (void*)&all, sizeof all));
  SAY("link-local", connect(tcp(), (void*)&local, sizeof local));
  SAY("::1", connect(socket(AF_INET6, SOCK_STREAM, 0), (void*)&lo6, sizeof lo6));
  SAY("IPv6", connect(socket(AF_INET6, SOCK_DGRAM, 0), (void*)&world6, sizeof world6));
  SAY("mapped loopback", connect(socket(AF_INET6, SOCK_STREAM, 0), (void*)&mapped, sizeof mapped));
  SAY("unix", connect(socket(AF_UNIX, SOCK_STREAM, 0), (void*)&path, sizeof path));
  SAY("netlink", connect(socket(AF_NETLINK, SOCK_RAW, 0), (void*)&kernel, sizeof kernel));
  SAY("raw", connect(socket(AF_INET, SOCK_RAW, 200), (void*)&world, sizeof world));
  SAY("nowhere, TCP", connect(tcp(), &none, sizeof none));
  SAY("nowhere, UDP", connect(udp(), &none, sizeof none));
}

static void send_as_kernel(void) {
  struct sockaddr_in world = v4("198.51.100.1", 9), lo = v4("127.0.0.1", 9);
  struct sockaddr_in6 world6 = v6("2001:db8::1", 9);
  struct sockaddr_un path = {.sun_family = AF_UNIX, .sun_path = "\0nobody"};
  struct msghdr message = {.msg_name = (void*)8, .msg_namelen = sizeof world};
  struct mmsghdr messages[2] = {{.msg_hdr = message}, {.msg_hdr = message}};
  int flags = MSG_NOSIGNAL;
  SAY("sendto no address", sendto(udp(), "x", 1, flags, NULL, 0));
  SAY("sendto bad pointer", sendto(udp(), "x", 1, flags, (void*)8, sizeof world));
  SAY("sendto short", sendto(udp(), "x", 1, flags, (void*)&world, 8));
  SAY("sendto negative", sendto(udp(), "x", 1, flags, (void*)&world, -1));
  SAY("sendto bad descriptor", sendto(99, "x", 1, flags, (void*)&world, sizeof world));
  SAY("sendto TCP", sendto(tcp(), "x", 1, flags, (void*)&world, sizeof world));
  SAY("sendto loopback", sendto(udp(), "x", 1, flags, (void*)&lo, sizeof lo));
  SAY("sendto IPv6", sendto(socket(AF_INET6, SOCK_DGRAM, 0), "x", 1, flags, (void*)&world6, sizeof world6));
  SAY("sendto unix", sendto(socket(AF_UNIX, SOCK_DGRAM, 0), "x", 1, flags, (void*)&path, sizeof path));
  SAY("sendto raw", sendto(socket(AF_INET, SOCK_RAW, 200), "x", 1, flags, (void*)&world, sizeof world));
  SAY("sendmsg null", syscall(SYS_getpid) > 0 ? sendmsg(udp(), NULL, flags) : 0);
  SAY("sendmsg bad name", sendmsg(udp(), &message, flags));
  message.msg_name = NULL;
  SAY("sendmsg no name", sendmsg(udp(), &message, flags));
  message.msg_name = &world, message.msg_namelen = 3;
  SAY("sendmsg short name", sendmsg(udp(), &message, flags));
  message.msg_namelen = -1;
  SAY("sendmsg negative name", sendmsg(udp(), &message, flags));
  SAY("sendmmsg none", sendmmsg(udp(), messages, 0, flags));
  SAY("sendmmsg bad name", sendmmsg(udp(), messages, 2, flags));
  SAY("sendmmsg bad descriptor", sendmmsg(99, messages, 2, flags));
}

// A UDP socket on 127.0.0.9, found or made by the agent, with `count` datagrams from 198.51.100.9:7000 in it.
static int receiver(int count) {
  struct sockaddr_in here = v4("127.0.0.1", 6000), from = v4("198.51.100.9", 7000);
  int fd = udp(), sender = udp();
  socklen_t length = sizeof here;
  if (bind(fd, (void*)&here, sizeof here) < 0) _exit(6);
  // Not by our bind: it is somebody else's socket.
  if (syscall(SYS_bind, sender, &from, sizeof from) < 0) _exit(5);
  getsockname(fd, (void*)&here, &length);
  while (count-- > 0)
    if (syscall(SYS_sendto, sender, "hello", 5, 0, &here, sizeof here) != 5) _exit(4);
  return fd;
}

// The last `room` bytes of a page behind which there is nothing.
static void* edge(size_t room) {
  char* pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED || munmap(pages + 4096, 4096) < 0) _exit(7);
  return pages + 4096 - room;
}

static void receive_as_kernel(void) {
  char bytes[10];
  struct sockaddr_in from;
  socklen_t length = sizeof from;
  struct iovec part = {bytes, sizeof bytes};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  struct mmsghdr messages[2] = {{.msg_hdr = message}, {.msg_hdr = message}};
  int now = MSG_DONTWAIT, fd = receiver(11);
  SAY("recvfrom", recvfrom(fd, bytes, 10, now, (void*)&from, &length));
  SAY("length", length);
  SAY("port", ntohs(from.sin_port));
  SAY("recvfrom no address", recvfrom(fd, bytes, 10, now, NULL, NULL));
  SAY("recvfrom bad address", recvfrom(fd, bytes, 10, now, (void*)8, &length));
  SAY("recvfrom bad length", recvfrom(fd, bytes, 10, now, (void*)&from, (void*)8));
  length = 3;
  SAY("recvfrom short", recvfrom(fd, bytes, 10, now, (void*)&from, &length));
  SAY("length", length);
  length = 0;
  SAY("recvfrom no room", recvfrom(fd, bytes, 10, now, (void*)8, &length));
  length = 3;
  SAY("recvfrom edge", recvfrom(fd, bytes, 10, now, edge(3), &length));
  message.msg_name = edge(3), message.msg_namelen = 3;
  SAY("recvmsg edge", recvmsg(fd, &message, now));
  SAY("length", message.msg_namelen);
  message.msg_name = NULL;
  SAY("recvmsg", recvmsg(fd, &message, now));
  SAY("recvmmsg", recvmmsg(fd, messages, 2, now, NULL));
  SAY("recvfrom nothing", recvfrom(fd, bytes, 10, now, (void*)&from, &length));
  SAY("recvmsg nothing", recvmsg(fd, &message, now));
  SAY("recvmmsg nothing", recvmmsg(fd, messages, 2, now, NULL));
  SAY("recvfrom bad descriptor", recvfrom(99, bytes, 10, now, NULL, NULL));
}

static long to(int fd, const char* address, int port) {
  struct sockaddr_in name = v4(address, port);
  return sendto(fd, "x", 1, 0, (void*)&name, sizeof name);
}

// Sends in all three ways, the message's gaps full of rubbish, as a compiler may leave them.
static void send_each(void) {
  struct sockaddr_in world = v4("198.51.100.1", 9);
  struct iovec part = {"x", 1};
  struct mmsghdr messages[2];
  memset(messages, 0xee, sizeof messages);
  for (int i = 0; i < 2; i++) {
    struct msghdr* message = &messages[i].msg_hdr;
    message->msg_name = &world, message->msg_namelen = sizeof world;
    message->msg_iov = &part, message->msg_iovlen = 1;
    message->msg_control = NULL, message->msg_controllen = 0;
  }
  SAY("sendto", to(udp(), "198.51.100.1", 9));
  SAY("sendmsg", sendmsg(udp(), &messages[0].msg_hdr, 0));
  messages[1].msg_hdr.msg_namelen = 4096;
  SAY("sendmmsg", sendmmsg(udp(), messages, 2, 0));
}

static void remember(void) {
  int fd = udp();
  SAY("first", to(fd, "198.51.100.1", 9));
  SAY("again", to(fd, "198.51.100.1", 9));
  SAY("other port", to(fd, "198.51.100.1", 10));
  SAY("other address", to(fd, "198.51.100.2", 9));
  SAY("other socket", to(udp(), "198.51.100.1", 9));
  later = 21;
  SAY("later", to(fd, "198.51.100.1", 9));
}

static void answer(int how) {
  int fd = receiver(1);
  char bytes[10];
  struct sockaddr_in from;
  socklen_t length = sizeof from;
  struct iovec part = {bytes, sizeof bytes};
  struct mmsghdr message = {
      .msg_hdr = {.msg_iov = &part, .msg_iovlen = 1, .msg_name = &from, .msg_namelen = sizeof from}};
  if (how == 0) SAY("received", recvfrom(fd, bytes, 10, 0, (void*)&from, &length));
  if (how == 1) SAY("received", recvmsg(fd, &message.msg_hdr, 0));
  if (how == 2) SAY("received", recvmmsg(fd, &message, 1, 0, NULL));
  SAY("answered", sendto(fd, "x", 1, 0, (void*)&from, sizeof from));
}

// What the socket has sent has come to nothing: it says so, with the name of whom it spoke to.
static void hear_of_failure(void) {
  int fd = udp(), on = 1;
  char bytes[10];
  struct sockaddr_in whom;
  socklen_t length = sizeof whom;
  setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on);
  SAY("sent", to(fd, "198.51.100.9", 9));
  SAY("failed", recvfrom(fd, bytes, 10, MSG_ERRQUEUE, (void*)&whom, &length));
  SAY("again", to(fd, "198.51.100.9", 9));
}

static void send_unspecified(void) {
  struct sockaddr_in world = v4("198.51.100.1", 9);
  world.sin_family = AF_UNSPEC;
  SAY("sendto", sendto(udp(), "x", 1, 0, (void*)&world, sizeof world));
}

static void go_on_talking(void) {
  int fd = udp();
  SAY("first", to(fd, "198.51.100.1", 9));
  later = 21;
  for (int i = 0; i < 20; i++) SAY("later", to(fd, "198.51.100.1", 9));
}

static void some_refused(void) {
  struct sockaddr_in first = v4("198.51.100.1", 9), second = v4("198.51.100.2", 9);
  struct iovec part = {"x", 1};
  struct mmsghdr messages[2] = {
      {.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1, .msg_name = &first, .msg_namelen = sizeof first}},
      {.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1, .msg_name = &second, .msg_namelen = sizeof second}}};
  int fd = udp();
  SAY("two", sendmmsg(fd, messages, 2, 0));
  SAY("the second", sendmmsg(fd, messages + 1, 1, 0));
}

static void* wait_for_datagram(void* fd) {
  char byte;
  struct sockaddr_in from;
  socklen_t length = sizeof from;
  recvfrom(*(int*)fd, &byte, 1, 0, (void*)&from, &length);
  return NULL;
}

static void cancel(void) {
  int fd = udp();
  struct sockaddr_in here = v4("127.0.0.1", 0);
  void* result = NULL;
  pthread_t thread;
  if (syscall(SYS_bind, fd, &here, sizeof here) < 0) _exit(3);
  pthread_create(&thread, NULL, wait_for_datagram, &fd);
  usleep(20000);
  pthread_cancel(thread);
  pthread_join(thread, &result);
  dprintf(1, "%s\n", result == PTHREAD_CANCELED ? "cancelled" : "returned");
}

// Where it comes from, as the kernel says: the block of the test's script, or anything else.
static void open_to(const char* what, int fd, const char* address, int port) {
  struct sockaddr_in world = v4(address, port), own = {0};
  socklen_t length = sizeof own;
  errno = 77;
  long result = connect(fd, (void*)&world, sizeof world);
  int error = errno;
  syscall(SYS_getsockname, fd, &own, &length);
  int number = ntohs(own.sin_port), is_ours = number >= 50000 && number <= 50063;
  dprintf(1, "%s: %ld %d %s %s\n", what, result, error, inet_ntoa(own.sin_addr), is_ours ? "block" : "other");
}

static int later_tcp(void) {
  return socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
}

static void open_again(void) {
  struct sockaddr_in own = v4("198.51.100.9", 9), before = v4("198.51.100.9", 0);
  int listener = tcp(), bound = tcp(), value = 0;
  socklen_t length = sizeof value;
  if (syscall(SYS_bind, listener, &own, sizeof own) < 0 || listen(listener, 9) < 0) _exit(2);
  open_to("first", tcp(), "198.51.100.9", 9);
  int fd = tcp();
  open_to("again", fd, "198.51.100.9", 9);
  if (getsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &value, &length) < 0 || value != 0) _exit(3);
  open_to("other port", tcp(), "198.51.100.9", 10);
  open_to("other address", later_tcp(), "198.51.100.1", 9);
  open_to("its port", later_tcp(), "198.51.100.1", 10);
  if (syscall(SYS_bind, bound, &before, sizeof before) < 0) _exit(4);
  open_to("bound", bound, "198.51.100.9", 9);
  if (fork() == 0) {
    open_to("child", tcp(), "198.51.100.9", 9);
    _exit(0);
  }
  wait(NULL);
  later = 4;
  open_to("later", tcp(), "198.51.100.9", 9);
  if (system("ip address del 198.51.100.9/32 dev lo") != 0) _exit(5);
  open_to("address gone", later_tcp(), "198.51.100.9", 9);
}

static void open_fast(void) {
  struct sockaddr_in world = v4("198.51.100.1", 9);
  int fd = tcp();
  fcntl(fd, F_SETFL, O_NONBLOCK);
  SAY("fast open", sendto(fd, "x", 1, MSG_FASTOPEN, (void*)&world, sizeof world));
}

int main(int count, char** arguments) {
  const char* which = count == 2 ? arguments[1] : "";
  struct sockaddr_in world = v4("198.51.100.1", 9);
  struct sockaddr_in6 mapped = v6("::ffff:198.51.100.1", 9);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (strcmp(which, "kernel") == 0) connect_as_kernel(), send_as_kernel(), receive_as_kernel();
  if (strcmp(which, "connect") == 0) SAY("connect", connect(udp(), (void*)&world, sizeof world));
  if (strcmp(which, "mapped") == 0)
    SAY("connect", connect(socket(AF_INET6, SOCK_DGRAM, 0), (void*)&mapped, sizeof mapped));
  if (strcmp(which, "nonblocking") == 0) {
    SAY("first", connect(fd, (void*)&world, sizeof world));
    SAY("second", connect(fd, (void*)&world, sizeof world));
  }
  if (strcmp(which, "taken") == 0) {
    // An address that this host does not have: the kernel finds none for a connection.
    world.sin_addr.s_addr = htonl(0xc6336409);
    struct sockaddr_in own = v4("198.51.100.9", 9);
    int listener = tcp();
    if (syscall(SYS_bind, listener, &own, sizeof own) < 0 || listen(listener, 5) < 0) _exit(2);
    unsigned range = 50001u << 16 | 50001u;
    int one = tcp(), other = tcp();
    setsockopt(one, IPPROTO_IP, 51, &range, sizeof range);
    setsockopt(other, IPPROTO_IP, 51, &range, sizeof range);
    SAY("one", connect(one, (void*)&own, sizeof own));
    SAY("other", connect(other, (void*)&own, sizeof own));
  }
  if (strcmp(which, "again") == 0) open_again();
  if (strcmp(which, "each") == 0) send_each();
  if (strcmp(which, "remember") == 0) remember();
  if (strncmp(which, "answer", 6) == 0) answer(which[6] - '0');
  if (strcmp(which, "failure") == 0) hear_of_failure();
  if (strcmp(which, "unspecified") == 0) send_unspecified();
  if (strcmp(which, "talk") == 0) go_on_talking();
  if (strcmp(which, "some") == 0) some_refused();
  if (strcmp(which, "cancel") == 0) cancel();
  if (strcmp(which, "fast-open") == 0) open_fast();
  return 0;
}
