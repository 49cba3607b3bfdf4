"""One TCP connection and what it carried.

transfer.py receive ADDRESS PORT            prints "listening", then what the connection brought until its end
transfer.py send ADDRESS PORT SECONDS RATE  sends for SECONDS, at most RATE bytes a second (0: as fast as it
                                            goes); prints "connected" when it is, then what was sent

What: {"bytes": n, "sha256": "…", "gapMs": longest wait between two pieces, "port": the client's}
"""

import hashlib
import json
import random
import socket
import sys
import time

BLOCK = random.Random(7400).randbytes(1 << 20)
what, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
digest, total, gap, last = hashlib.sha256(), 0, 0.0, time.monotonic()


def count(data):
    global total, gap, last
    digest.update(data)
    total += len(data)
    now = time.monotonic()
    gap, last = max(gap, now - last), now


if what == "receive":
    server = socket.create_server((address, port))
    print("listening", flush=True)
    connection, (_, client) = server.accept()
    last = time.monotonic()
    while data := connection.recv(1 << 20):
        count(data)
else:
    seconds, rate = float(sys.argv[4]), int(sys.argv[5])
    connection = socket.create_connection((address, port), timeout=20)
    client = connection.getsockname()[1]
    print("connected", flush=True)
    began = last = time.monotonic()
    while (passed := time.monotonic() - began) < seconds:
        if rate and total > rate * passed:
            time.sleep(0.002)
            continue
        piece = BLOCK[: 1 << 16 if rate else 1 << 20]
        connection.sendall(piece)
        count(piece)
    connection.shutdown(socket.SHUT_WR)
    connection.recv(1)  # the other side has read it all

print(json.dumps({"bytes": total, "sha256": digest.hexdigest(), "gapMs": round(gap * 1000), "port": client}))
