"""Opens TCP connections by halves: half_open.py SOURCE ADDRESS PORT COUNT

Sends COUNT SYNs by a raw socket from ports 20000… and never answers the SYN-ACKs; the caller keeps its own
kernel from answering them with resets (an nftables rule on those ports).
"""

import socket
import struct
import sys

FIRST_PORT = 20000


def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


source, target, port, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
addresses = socket.inet_aton(source) + socket.inet_aton(target)
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
raw.bind((source, 0))
for number in range(count):
    header = struct.pack("!HHIIBBHHH", FIRST_PORT + number, port, 1000 + number, 0, 5 << 4, 2, 64240, 0, 0)
    total = checksum(addresses + struct.pack("!HH", 6, len(header)) + header)
    raw.sendto(header[:16] + struct.pack("!H", total) + header[18:], (target, 0))
