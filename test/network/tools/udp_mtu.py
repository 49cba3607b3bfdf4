"""Finds the MTU of the way to a UDP echo service as a program does: udp_mtu.py ADDRESS PORT

Datagrams that nobody may fragment; the kernel learns from the ICMP error that the first one brings. Prints
{"mtu": what it learnt, "echoed": did a datagram come back that is as large as fits, the server's own words included?}
"""

import errno
import json
import socket
import sys
import time

IP_MTU_DISCOVER, IP_PMTUDISC_DO, IP_MTU = 10, 2, 14
HEADERS, WORDS = 28, 40

client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO)
client.settimeout(2)
client.connect((sys.argv[1], int(sys.argv[2])))
before, deadline = client.getsockopt(socket.IPPROTO_IP, IP_MTU), time.monotonic() + 5
while client.getsockopt(socket.IPPROTO_IP, IP_MTU) == before and time.monotonic() < deadline:
    try:
        client.send(bytes(before - HEADERS))
        time.sleep(0.05)
    except OSError as error:
        if error.errno != errno.EMSGSIZE:
            raise
client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)  # The ICMP error, else the next call tells it.
mtu = client.getsockopt(socket.IPPROTO_IP, IP_MTU)
largest = b"x" * (mtu - HEADERS - WORDS)
client.send(largest)
print(json.dumps({"mtu": mtu, "echoed": client.recv(65536).endswith(largest)}))
