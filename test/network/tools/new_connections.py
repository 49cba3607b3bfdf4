"""One request a connection, and from which port those came that failed: new_connections.py VIP PORT RATE

RATE a second until stdin ends; then {"answers": {"node1": 100, …}, "failures": [{"port": 40000, "error": "…"}]}.
"""

import collections
import http.client
import itertools
import json
import select
import socket
import sys
import time

vip, port, pause = sys.argv[1], int(sys.argv[2]), 1 / float(sys.argv[3])
answers, failures = collections.Counter(), []
# Each once, and none that the kernel chooses: else the flow of one that failed could be another's when it is looked up.
ports = itertools.count(10240)


def ask():
    connection = http.client.HTTPConnection(vip, port, timeout=5)
    connection.sock = socket.socket()
    connection.sock.settimeout(5)
    source = next(ports)
    connection.sock.bind(("", source))
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
