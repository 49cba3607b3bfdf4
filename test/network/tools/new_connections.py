"""One request a connection, and from which port those came that failed: new_connections.py VIP PORT RATE

RATE a second until stdin ends; then {"answers": {"node1": 100, …}, "failures": [{"port": 40000, "error": "…"}]}.
"""

import collections
import http.client
import json
import select
import socket
import sys
import time

vip, port, pause = sys.argv[1], int(sys.argv[2]), 1 / float(sys.argv[3])
answers, failures = collections.Counter(), []


def ask():
    connection = http.client.HTTPConnection(vip, port, timeout=5)
    # Bound before it connects, for a socket that was refused has no port any more.
    connection.sock = socket.socket()
    connection.sock.settimeout(5)
    connection.sock.bind(("", 0))
    source = connection.sock.getsockname()[1]
    try:
        connection.sock.connect((vip, port))
        connection.request("GET", "/", headers={"connection": "close"})
        answers[connection.getresponse().headers["x-node"]] += 1
    except (OSError, http.client.HTTPException) as error:
        failures.append({"port": source, "error": repr(error)})
    finally:
        connection.close()


due = time.monotonic()
while not select.select([sys.stdin], [], [], max(0.0, due - time.monotonic()))[0]:
    ask()
    due = max(due + pause, time.monotonic())
print(json.dumps({"answers": answers, "failures": failures}))
