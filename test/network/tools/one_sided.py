"""A UDP server that goes on sending: one_sided.py PORT NAME SECONDS

Answers a datagram with its name, and then each half second for so long.
"""

import socket
import sys
import threading
import time

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("0.0.0.0", int(sys.argv[1])))
name, seconds = sys.argv[2].encode(), float(sys.argv[3])


def stream(client):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        server.sendto(name, client)
        time.sleep(0.5)


while True:
    _, client = server.recvfrom(100)
    threading.Thread(target=stream, args=(client,), daemon=True).start()
