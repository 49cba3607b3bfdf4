"""Which ICMP error a datagram brings: icmp_error.py ADDRESS PORT [TTL]

Prints {"error": "ECONNREFUSED", "from": who said it}; error is null if none comes within a second.
"""

import errno
import json
import select
import socket
import struct
import sys

IP_RECVERR = 11
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
if sys.argv[3:]:
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, int(sys.argv[3]))
sock.connect((sys.argv[1], int(sys.argv[2])))
sock.send(b"?")
poll = select.poll()
poll.register(sock, 0)  # POLLERR comes unasked.
result = {"error": None, "from": ""}
if poll.poll(1000):
    _, ancillary, _, _ = sock.recvmsg(100, 500, socket.MSG_ERRQUEUE)
    for level, kind, data in ancillary:
        if (level, kind) == (socket.IPPROTO_IP, IP_RECVERR):
            # struct sock_extended_err, then the address of who sent the error.
            result = {"error": errno.errorcode[struct.unpack_from("=I", data)[0]], "from": socket.inet_ntoa(data[20:24])}
print(json.dumps(result))
