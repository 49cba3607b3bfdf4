"""Talks to a service with IPv4 options in every packet: ip_options.py ADDRESS TCP-PORT UDP-PORT HEX

Prints {"sent": length of the options that the kernel puts in, "seen": ["tcp node", "udp node"]}: what was answered,
without the digits of the node.
"""

import json
import socket
import sys

IP_OPTIONS = 4
address, tcp_port, udp_port, options = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), bytes.fromhex(sys.argv[4])
seen = []


def with_options(kind):
    sock = socket.socket(socket.AF_INET, kind)
    sock.settimeout(3)
    sock.setsockopt(socket.IPPROTO_IP, IP_OPTIONS, options)
    return sock


tcp = with_options(socket.SOCK_STREAM)
tcp.connect((address, tcp_port))
tcp.sendall(b"GET / HTTP/1.0\r\n\r\n")
answer = b""
while chunk := tcp.recv(65536):
    answer += chunk
seen.append("tcp " + answer.split()[-1].decode().rstrip("0123456789"))
udp = with_options(socket.SOCK_DGRAM)
udp.sendto(b"?", (address, udp_port))
seen.append("udp " + udp.recv(65536).split()[0].decode().rstrip("0123456789"))
print(json.dumps({"sent": len(udp.getsockopt(socket.IPPROTO_IP, IP_OPTIONS, 40)), "seen": seen}))
