"""Small requests on one connection: kept_connection.py VIP PORT RATE [NOT_ON…]

Connects until another node than those answers, says "ready", and measures each answer's time, RATE requests a second,
under the name that the last line of standard input gave. When stdin ends: {"node": "…", "milliseconds": {name: […]}}.
"""

import http.client
import json
import select
import socket
import sys
import time

vip, port, pause, unwanted = sys.argv[1], int(sys.argv[2]), 1 / float(sys.argv[3]), sys.argv[4:]


def ask(connection):
    began = time.perf_counter()
    connection.request("GET", "/")
    response = connection.getresponse()
    response.read()
    return response.headers["x-node"], (time.perf_counter() - began) * 1000


def connect():
    while True:
        connection = http.client.HTTPConnection(vip, port, timeout=5)
        try:
            connection.connect()
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            node, _ = ask(connection)
            if node not in unwanted and connection.sock is not None:
                return connection, node
        except OSError:
            pass
        connection.close()


connection, node = connect()
# A second connection would be a failure: it must be this one that goes on.
connection.auto_open = 0
print("ready", flush=True)
times, phase, due = {}, None, time.monotonic()
while True:
    due = max(due + pause, time.monotonic())
    if select.select([sys.stdin], [], [], max(0.0, due - time.monotonic()))[0]:
        line = sys.stdin.readline()
        if not line:
            break
        phase = line.strip()
        continue
    times.setdefault(phase, []).append(ask(connection)[1])
print(json.dumps({"node": node, "milliseconds": times}))
