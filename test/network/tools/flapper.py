"""A server that comes and goes: flapper.py PORT NAME RATE

While the last line on its standard input was "flap" it closes its listener and opens another, RATE times a second;
else it stays closed. What it has accepted it answers (HTTP, NAME in the header x-node) in any case. When stdin ends,
so does it, and says how often it was open: {"opened": 600}.
"""

import json
import select
import socket
import sys
import threading
import time

port, name, half = int(sys.argv[1]), sys.argv[2], 0.5 / float(sys.argv[3])
ANSWER = f"HTTP/1.1 200 OK\r\nx-node: {name}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".encode()


def answer(connection):
    with connection:
        connection.settimeout(3)
        try:
            if connection.recv(65536):
                connection.sendall(ANSWER)
        except OSError:
            pass


def serve(until):
    """Listens until then, and takes all who came."""
    with socket.create_server(("0.0.0.0", port), backlog=128) as listener:
        while True:
            listener.settimeout(max(0.0, until - time.monotonic()))
            try:
                connection, _ = listener.accept()
            except (TimeoutError, BlockingIOError):
                return
            threading.Thread(target=answer, args=(connection,), daemon=True).start()


flapping, opened, due = False, 0, time.monotonic()
while True:
    if select.select([sys.stdin], [], [], 0 if flapping else None)[0]:
        line = sys.stdin.readline()
        if not line:
            break
        flapping, due = line == "flap\n", time.monotonic()
        continue
    due += half
    serve(due)
    opened += 1
    due += half
    time.sleep(max(0.0, due - time.monotonic()))
print(json.dumps({"opened": opened}))
