"""Datagrams of given sizes to a UDP echo service: udp_sizes.py ADDRESS PORT SIZE…

Prints the sizes of those that came back whole.
"""

import socket
import sys

client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.settimeout(3)
client.connect((sys.argv[1], int(sys.argv[2])))
whole = []
for size in map(int, sys.argv[3:]):
    payload = bytes(i % 251 for i in range(size))
    client.send(payload)
    try:
        if client.recv(65536).endswith(payload):
            whole.append(str(size))
    except TimeoutError:
        pass
print(" ".join(whole))
