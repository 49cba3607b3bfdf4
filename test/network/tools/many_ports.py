"""An HTTP server on many ports of all addresses at once, one process: many_ports.py FIRST COUNT NAME

Answers each request, whatever it asks, with NAME in the header x-node; the connection stays open until the client
closes it.
"""

import selectors
import socket
import sys

first, count, name = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
ANSWER = f"HTTP/1.1 200 OK\r\nx-node: {name}\r\ncontent-length: 0\r\n\r\n".encode()
events = selectors.DefaultSelector()


def accept(listener):
    try:
        connection, _ = listener.accept()
    except OSError:
        return  # its client has gone
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    events.register(connection, selectors.EVENT_READ, answer)


def answer(connection):
    try:
        if connection.recv(65536):
            return connection.sendall(ANSWER)
    except OSError:
        pass
    events.unregister(connection)
    connection.close()


for port in range(first, first + count):
    listener = socket.create_server(("0.0.0.0", port), backlog=128)
    listener.setblocking(False)
    events.register(listener, selectors.EVENT_READ, accept)
print("listening", flush=True)
while True:
    for key, _ in events.select():
        key.data(key.fileobj)
