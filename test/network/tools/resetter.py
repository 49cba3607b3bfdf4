"""A TCP server that resets its connections: resetter.py PORT NAME

Sends its name to each client and keeps the connection. SIGUSR1: closes all of them by RST.
"""

import signal
import socket
import struct
import sys

server = socket.create_server(("0.0.0.0", int(sys.argv[1])), backlog=100)
kept = []


def reset(*_):
    for connection in kept:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    kept.clear()


signal.signal(signal.SIGUSR1, reset)
while True:
    connection, _ = server.accept()
    connection.sendall(sys.argv[2].encode() + b"\n")
    kept.append(connection)
