"""What goes wrong with a virtual IP: errors.py ADDRESS

A refused TCP connection, a refused datagram, a ping, a reset connection, packets whose time to live ends at the
router or behind it, datagrams with an address that nobody serves. Says nothing; an answer that fails to come is an
error.
"""

import errno
import socket
import struct
import sys

address = sys.argv[1]


def expect(number, action):
    try:
        action()
    except OSError as error:
        if error.errno != number:
            raise
    else:
        raise SystemExit("no %s" % errno.errorcode[number])


def tcp(port, ttl=64):
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.settimeout(3)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
    sock.connect((address, port))
    return sock


def datagram(port, ttl=64):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(3)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
    sock.connect((address, port))
    sock.send(b"?")
    sock.recv(100)


def ping():
    header = struct.pack("!BBHHH", 8, 0, 0, 1, 1)
    total = 8 * 256 + 1 + 1
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    raw.settimeout(3)
    raw.sendto(header[:2] + struct.pack("!H", ~total & 0xFFFF) + header[4:], (address, 0))
    while raw.recv(100)[20] != 0:
        pass


expect(errno.ECONNREFUSED, lambda: tcp(81))
expect(errno.ECONNREFUSED, lambda: datagram(9))
ping()
reset = tcp(80)
reset.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
reset.close()
