"""ping.py ADDRESS COUNT: prints how many echo requests, one each 100 ms, were answered within a second."""

import os
import socket
import struct
import sys
import time

address, count = sys.argv[1], int(sys.argv[2])
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
raw.connect((address, 0))
raw.settimeout(1)


def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def is_answer(message, rest):
    return message[:1] == b"\x00" and message[4:] == rest and checksum(message) == 0


answered = 0
for sequence in range(count):
    rest = struct.pack("!HH", os.getpid() & 0xFFFF, sequence) + b"coscanet"
    raw.send(struct.pack("!BBH", 8, 0, checksum(b"\x08\x00\x00\x00" + rest)) + rest)
    try:
        while not is_answer(raw.recv(1500)[20:], rest):
            pass
        answered += 1
    except TimeoutError:
        pass
    time.sleep(0.1)
print(answered)
