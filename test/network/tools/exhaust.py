"""Opens sockets to a server until the ports are used up: exhaust.py ADDRESS TCP-PORT UDP-PORT

Prints for "tcp" and "udp" {"opened": how many, "errno": why no more, "again": does it work when one has been closed?}
"""

import errno
import json
import socket
import sys
import time

address, ports = sys.argv[1], {"tcp": int(sys.argv[2]), "udp": int(sys.argv[3])}
KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
MANY = 2000


def one(kind):
    sock = socket.socket(socket.AF_INET, KINDS[kind])
    sock.settimeout(10)
    # An answer's port is free again at once, as is the one of a connection that is reset.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    try:
        if kind == "tcp":
            sock.connect((address, ports[kind]))
        else:
            sock.sendto(b"?", (address, ports[kind]))
    except OSError:
        sock.close()
        raise
    return sock


results = {}
for kind in KINDS:
    held, why = [], None
    while why is None and len(held) < MANY:
        try:
            held.append(one(kind))
        except OSError as error:
            why = errno.errorcode.get(error.errno or 0, str(error))
    result = {"opened": len(held), "errno": why, "again": False}
    held.pop().close()
    deadline = time.monotonic() + 5
    while not result["again"] and time.monotonic() < deadline:
        try:
            held.append(one(kind))
            result["again"] = True
        except OSError:
            time.sleep(0.1)
    results[kind] = result
    for sock in held:
        sock.close()
print(json.dumps(results))
