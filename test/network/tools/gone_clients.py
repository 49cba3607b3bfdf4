"""Clients that do not wait for an answer: gone_clients.py ADDRESS PORT COUNT

Each sends a datagram and is closed. Prints the address and port of each.
"""

import socket
import sys

for _ in range(int(sys.argv[3])):
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.connect((sys.argv[1], int(sys.argv[2])))
    client.send(b"?")
    print("%s:%d" % client.getsockname())
    client.close()
