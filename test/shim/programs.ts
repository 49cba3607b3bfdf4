// Small Python programs for the tests, run as instances; each prints what a test waits for.

export const python = (text: string): string[] => [
  '/usr/bin/python3',
  '-u',
  '-c',
  `import socket, os, time, sys\n${text}`,
];

/** Serves its pid over HTTP/1.0; prints the time (ms) at which listen returned. */
export const server = (port: number, before = ''): string[] =>
  python(`
${before}
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('', ${port}))
s.listen(200)
print(int(time.time() * 1000))
while True:
  c, _ = s.accept()
  c.recv(1000)
  c.sendall(b'HTTP/1.0 200 OK\\r\\n\\r\\n%d\\n' % os.getpid())
  c.close()
`);

/** As `server`, with a second process that serves as well, while the first only waits for it. */
export const forking = (port: number): string[] =>
  server(port).map((text) => text.replace('print(int', 'p = os.fork()\nif p: os.waitpid(p, 0)\nprint(int'));

/** Listens, and takes connections only while it handles SIGUSR1: all that wait. */
export const deaf = (port: number): string[] =>
  python(`
import signal
s = socket.socket()
s.bind(('', ${port}))
s.listen()
s.setblocking(False)
def take(*_):
  try:
    while True: s.accept()[0].close()
  except BlockingIOError: pass
signal.signal(signal.SIGUSR1, take)
print('ready')
while True: time.sleep(1000)
`);

/** Answers every request with the status that a file holds. */
export const moody = (port: number, file: string): string[] =>
  python(`
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('', ${port}))
s.listen(200)
print('ready')
while True:
  c, _ = s.accept()
  c.recv(1000)
  c.sendall(b'HTTP/1.0 %s Hm\\r\\n\\r\\n' % open(${JSON.stringify(file)}, 'rb').read())
  c.close()
`);

/** Prints what getsockname says of its listener; its answers say it of the connection. With SO_REUSEPORT. */
export const reporting = (port: number): string[] =>
  python(`
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
s.bind(('', ${port}))
s.listen()
print('listener %s:%d' % s.getsockname())
while True:
  c, peer = s.accept()
  c.recv(1000)
  name = '%s:%d' % c.getsockname()
  c.sendall(b'HTTP/1.0 200 OK\\r\\n\\r\\naccepted %s from %s by %d\\n' % (name.encode(), peer[0].encode(), os.getpid()))
  c.close()
`);

/** Binds and prints "ok" or the errno, for each [type, address, port, options…] in turn; then waits. */
export const binds = (
  ...attempts: [type: string, address: string, port: number, ...options: string[]][]
): string[] =>
  python(`
import ctypes, struct
program = ctypes.create_string_buffer(struct.pack('HBBI', 6, 0, 0, 0xffffffff))  # ret #-1
kept = []
for kind, address, port, *options in ${JSON.stringify(attempts)}:
  s = socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET, getattr(socket, 'SOCK_' + kind))
  if 'V6ONLY' in options: s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
  if 'REUSEPORT' in options: s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
  if 'REUSEADDR' in options: s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
  if 'NOPORT' in options: s.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
  if 'filter' in options:
    s.setsockopt(1, 26, struct.pack('HP', 1, ctypes.addressof(program)))  # SO_ATTACH_FILTER
  more = []
  try:
    s.bind((address, port))
    if kind == 'STREAM' and 'bound' not in options: s.listen()
    if 'cbpf' in options: s.setsockopt(1, 51, struct.pack('HP', 1, ctypes.addressof(program)))  # SO_ATTACH_REUSEPORT_CBPF
    if 'connect' in options: s.connect(('10.88.0.1', 9))
    if 'again' in options:
      try: s.bind((address, port + 1))
      except OSError as e: more = ['then', e.errno]
    print('ok', *s.getsockname()[:2], *more)
  except OSError as e:
    print(e.errno)
  kept.append(s)
  if 'accept' in options:
    print('done')
    kept.append(s.accept())
    s.close()
    print('accepted')
print('done')
time.sleep(1000)
`);

/** Listens, then forks: the parent closes its copy and prints its child's pid. */
export const forked = (port: number): string[] =>
  python(`
s = socket.socket()
s.bind(('', ${port}))
s.listen()
child = os.fork()
if child == 0: time.sleep(1000)
s.close()
print(child)
time.sleep(1000)
`);

/** Prints how many milliseconds listen took. */
export const timedListen = (port: number): string[] =>
  python(`
s = socket.socket()
s.bind(('', ${port}))
started = time.monotonic()
s.listen()
print((time.monotonic() - started) * 1000)
`);

/** Serves nobody; closes its listener, printing the time, when the file `flag` appears, and lives on. */
export const closing = (port: number, flag: string): string[] =>
  python(`
s = socket.socket()
s.bind(('', ${port}))
s.listen(200)
print('listening')
while not os.path.exists('${flag}'): time.sleep(0.001)
print(int(time.time() * 1000))
s.close()
time.sleep(1000)
`);

/** Makes a socket, then becomes an instance (by \`launch\`) that binds it. */
export const inherited = (launch: string[], port: number): string[] =>
  python(`
s = socket.socket()
os.set_inheritable(s.fileno(), True)
code = f'import socket, time; s = socket.socket(fileno={s.fileno()}); s.bind(("", ${port})); s.listen(); print("ok", flush=True); time.sleep(1000)'
command = ${JSON.stringify(launch)} + ['/usr/bin/python3', '-c', code]
os.execvp(command[0], command)
`);

/** Accepts one connection, closes the listener and goes on writing. */
export const lastConnection = (port: number): string[] =>
  python(`
s = socket.socket()
s.bind(('', ${port}))
s.listen()
c, _ = s.accept()
s.close()
while True:
  c.sendall(b'more')
  time.sleep(0.01)
`);

/** Makes its socket in another network namespace, then binds it. */
export const foreignSocket = (namespace: string): string[] =>
  python(`
import ctypes
libc = ctypes.CDLL(None)
own, other = os.open('/proc/self/ns/net', os.O_RDONLY), os.open('${namespace}', os.O_RDONLY)
libc.setns(other, 0)
s = socket.socket()
libc.setns(own, 0)
try: s.bind(('', 80))
except OSError as e: print(e.errno)
`);

/** Half-open requests: \`count\` SYNs to address:port from an address that nobody has. */
export const synFlood = (address: string, port: number, count: number): string[] =>
  python(`
import struct
def sum16(data):
  total = sum(struct.unpack('!%dH' % (len(data) // 2), data))
  total = (total >> 16) + (total & 0xffff)
  return ~(total + (total >> 16)) & 0xffff
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
source, target = socket.inet_aton('10.88.0.99'), socket.inet_aton('${address}')
for i in range(${count}):
  tcp = [20000 + i, ${port}, 1, 0, 0x5002, 1000, 0, 0]
  pseudo = source + target + struct.pack('!BBH', 0, 6, 20)
  tcp[6] = sum16(pseudo + struct.pack('!HHIIHHHH', *tcp))
  ip = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 40, 0, 0, 64, 6, 0, source, target)
  s.sendto(ip + struct.pack('!HHIIHHHH', *tcp), ('${address}', 0))
`);
