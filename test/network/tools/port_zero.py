"""A server that lets the kernel choose its ports, as FTP servers and phones do: port_zero.py NAME

Prints {"address": …, "tcp": port, "udp": port}, as getsockname tells them, and serves: HTTP/1.0 with NAME, and the
echo of udp_echo.py.
"""

import json
import socket
import sys
import threading

name = sys.argv[1]
listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
listener.bind(("0.0.0.0", 0))
listener.listen()
datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
datagrams.bind(("0.0.0.0", 0))
address, port = listener.getsockname()


def echo():
    while True:
        data, client = datagrams.recvfrom(65536)
        datagrams.sendto(name.encode() + b" " + client[0].encode() + b" " + data, client)


threading.Thread(target=echo, daemon=True).start()
print(json.dumps({"address": address, "tcp": port, "udp": datagrams.getsockname()[1]}), flush=True)
while True:
    connection, _ = listener.accept()
    connection.recv(65536)
    connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + name.encode() + b"\n")
    connection.close()
