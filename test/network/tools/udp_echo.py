"""A UDP echo server that puts its name before what it was sent: udp_echo.py PORT NAME"""

import socket
import sys

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("0.0.0.0", int(sys.argv[1])))
while True:
    data, client = server.recvfrom(65536)
    server.sendto(sys.argv[2].encode() + b" " + client[0].encode() + b" " + data, client)
