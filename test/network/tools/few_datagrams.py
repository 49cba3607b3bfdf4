"""Few datagrams, and who answers: few_datagrams.py VIP PORT FROM SECONDS EVERY

Sends "hello" from a fixed port each so many seconds and listens, for so long in all; sends another, and prints the
senders' names, each once, in the order in which they were first heard.
"""

import socket
import sys
import time

client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.bind(("", int(sys.argv[3])))
remote = (sys.argv[1], int(sys.argv[2]))
heard = []


def listen(seconds):
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        client.settimeout(left)
        try:
            name = client.recv(100).decode()
        except TimeoutError:
            return
        if name not in heard:
            heard.append(name)


end = time.monotonic() + float(sys.argv[4])
while time.monotonic() < end:
    client.sendto(b"hello", remote)
    listen(min(float(sys.argv[5]), end - time.monotonic()))
client.sendto(b"hello", remote)
listen(2)
print(" ".join(heard))
