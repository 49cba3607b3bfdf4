"""A UDP echo server that puts its name before what it was sent: udp_echo.py PORT NAME, or udp_echo.py FIRST-LAST NAME"""

import selectors
import socket
import sys

first, _, last = sys.argv[1].partition("-")
selector = selectors.DefaultSelector()
for port in range(int(first), int(last or first) + 1):
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("0.0.0.0", port))
    selector.register(server, selectors.EVENT_READ)
while True:
    for key, _ in selector.select():
        data, client = key.fileobj.recvfrom(65536)
        key.fileobj.sendto(sys.argv[2].encode() + b" " + client[0].encode() + b" " + data, client)
