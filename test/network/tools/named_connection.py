"""One connection from a fixed port: named_connection.py VIP PORT FROM

Prints the first line that the server sends, then waits for the connection's end and prints how it came: "closed", or
the error's name.
"""

import errno
import socket
import sys

vip, port, own = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
connection = socket.socket()
connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
connection.bind(("", own))
connection.settimeout(10)
connection.connect((vip, port))
print(connection.recv(100).decode().strip(), flush=True)
connection.settimeout(None)
try:
    connection.recv(1)
    print("closed", flush=True)
except OSError as error:
    print(errno.errorcode[error.errno], flush=True)
