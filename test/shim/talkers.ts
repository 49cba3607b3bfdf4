// Small Python programs that talk to others, for the tests of outbound connections.

import {python} from './programs.ts';

/** Tells each who speaks to it, by TCP and UDP, under which address and port it sees him. */
export const mirror = (address: string, port: number): string[] =>
  python(`
import threading
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.bind(('${address}', ${port}))
s = socket.create_server(('${address}', ${port}), backlog=2000)
def datagrams():
  while True:
    _, peer = u.recvfrom(2000)
    u.sendto(b'%s %d' % (peer[0].encode(), peer[1]), peer)
threading.Thread(target=datagrams, daemon=True).start()
print('up')
kept = []
while True:
  c, peer = s.accept()
  c.sendall(b'%s %d' % (peer[0].encode(), peer[1]))
  kept.append(c)
`);

export type Talk = [
  how: 'tcp' | 'udp' | 'connected' | 'tcp6' | 'udp6' | 'message',
  address: string,
  port: number,
  ...bound: (string | number)[],
];

/**
 * Speaks to a mirror, for each [how, address, port, own address, own port] in turn; prints what the mirror saw and
 * what getsockname says, or the errno; then waits, its sockets open.
 */
export const talks = (...all: Talk[]): string[] =>
  python(`
kept = []
for how, address, port, *bound in ${JSON.stringify(all)}:
  family = socket.AF_INET6 if how.endswith('6') else socket.AF_INET
  s = socket.socket(family, socket.SOCK_STREAM if how.startswith('tcp') else socket.SOCK_DGRAM)
  s.settimeout(8)
  kept.append(s)
  try:
    if bound: s.bind(tuple(bound))
    if how in ('tcp', 'tcp6', 'connected'): s.connect((address, port))
    if how == 'connected': s.send(b'hello')
    if how in ('udp', 'udp6'): s.sendto(b'hello', (address, port))
    if how == 'message': s.sendmsg([b'hello'], [], 0, (address, port))
    print('seen', s.recv(100).decode(), 'own', *s.getsockname()[:2])
  except OSError as e:
    print('errno', e.errno)
print('done')
time.sleep(1000)
`);

/** Opens \`count\` TCP connections to one remote, and keeps them; prints how many succeeded and the first errno. */
export const opens = (count: number, address: string, port: number): string[] =>
  python(`
kept, first = [], 0
for i in range(${count}):
  s = socket.socket()
  try:
    s.connect(('${address}', ${port}))
    kept.append(s)
  except OSError as e:
    first = first or e.errno
    s.close()
print('opened', len(kept), 'ports', len({s.getsockname()[1] for s in kept}), 'errno', first)
time.sleep(1000)
`);

/** Listens on a port that it leaves to the kernel, prints it, and tells each client under which name it was reached. */
export const passive = (): string[] =>
  python(`
s = socket.socket()
s.bind(('', 0))
s.listen()
print(s.getsockname()[1])
while True:
  c, _ = s.accept()
  c.sendall(b'%s:%d' % (c.getsockname()[0].encode(), c.getsockname()[1]))
  c.close()
`);

/** Keeps a TCP connection and a UDP conversation with a mirror; says what each answers whenever \`flag\` appears. */
export const keeps = (address: string, port: number, flag: string): string[] =>
  python(`
t = socket.create_connection(('${address}', ${port}))
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while True:
  u.sendto(b'hello', ('${address}', ${port}))
  print('tcp', t.getsockname()[1], 'udp', u.recv(100).decode())
  while not os.path.exists('${flag}'): time.sleep(0.005)
  os.remove('${flag}')
`);

/** Talks by UDP to a server on 127.0.0.1, from a socket that was bound before; prints its answer. */
export const local = (): string[] =>
  python(`
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(('127.0.0.1', 0))
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('', 0))
s.settimeout(3)
s.sendto(b'hello', server.getsockname())
data, peer = server.recvfrom(100)
server.sendto(b'%s from %s' % (data, peer[0].encode()), peer)
print(s.recv(100).decode())
`);

/**
 * Opens conversations from one service's port to each of the mirrors at \`remotes\` in turn: TCP connections, each by a
 * socket of its own, or datagrams of one socket. Prints what each mirror saw, or the errno; then waits.
 */
export const speaksFrom = (
  how: 'tcp' | 'udp' | 'connected',
  own: number,
  ...remotes: [string, number][]
): string[] =>
  python(`
def bound(kind):
  s = socket.socket(socket.AF_INET, kind)
  s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
  s.settimeout(8)
  s.bind(('', ${own}))
  return s
kept = []
for address, port in ${JSON.stringify(remotes)}:
  try:
    if '${how}' == 'tcp' or not kept: kept.append(bound(socket.SOCK_STREAM if '${how}' == 'tcp' else socket.SOCK_DGRAM))
    if '${how}' != 'udp': kept[-1].connect((address, port))
    if '${how}' == 'connected': kept[-1].send(b'hello')
    if '${how}' == 'udp': kept[-1].sendto(b'hello', (address, port))
    print('seen', kept[-1].recv(100).decode(), 'own', *kept[-1].getsockname())
  except OSError as e: print('errno', e.errno)
print('done')
time.sleep(1000)
`);

/** Accepts connections on a port until there are \`count\`, prints "done", and keeps them. */
export const takes = (port: number, count: number): string[] =>
  python(`
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('', ${port}))
s.listen(4096)
print('listening')
kept = []
while len(kept) < ${count}: kept.append(s.accept()[0])
print('done')
time.sleep(1000)
`);

/** Opens two connections to one remote from one and the same port that the kernel has to choose; prints each errno. */
export const narrow = (address: string, port: number): string[] =>
  python(`
import struct
kept = []
for _ in range(2):
  s = socket.socket()
  s.setsockopt(socket.IPPROTO_IP, 51, struct.pack('I', 45001 << 16 | 45001))  # IP_LOCAL_PORT_RANGE
  print('errno', s.connect_ex(('${address}', ${port})))
  kept.append(s)
`);
