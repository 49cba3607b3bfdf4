"""A UDP server that answers late: late_answers.py PORT

Each datagram is answered with "late" after 300 ms. Writes "asked ADDRESS:PORT" for each, and "refused ADDRESS:PORT"
for each answer of which it hears that nobody was there.
"""

import errno
import select
import socket
import struct
import sys
import time

IP_RECVERR = 11
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
server.bind(("0.0.0.0", int(sys.argv[1])))
server.setblocking(False)
due = []


def hear():
    """The error queue: the address is that of the answer, whoever sent the error."""
    while True:
        try:
            _, ancillary, _, address = server.recvmsg(100, 500, socket.MSG_ERRQUEUE)
        except OSError:
            return
        for level, kind, data in ancillary:
            if (level, kind) == (socket.IPPROTO_IP, IP_RECVERR):
                if struct.unpack_from("=I", data)[0] == errno.ECONNREFUSED:
                    print("refused %s:%d" % address, flush=True)


while True:
    select.select([server], [], [], 0.02)
    hear()
    try:
        while True:
            _, client = server.recvfrom(100)
            print("asked %s:%d" % client, flush=True)
            due.append((time.monotonic() + 0.3, client))
    except OSError:
        pass
    while due and due[0][0] <= time.monotonic():
        client = due.pop(0)[1]
        for _ in range(2):  # The first try may only tell an error that waits.
            try:
                server.sendto(b"late", client)
                break
            except OSError:
                hear()
