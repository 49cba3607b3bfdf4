"""When a server is there, seen from both ends; nanoseconds of the machine's monotonic clock on stdout.

    served.py bind PORT             says when it is about to bind; ends when it has been asked once
    served.py hold PORT             binds, and serves until it is killed
    served.py connect ADDRESS PORT  tries until it is answered, and says when that was
"""

import socket
import sys
import time


def bind(port, once):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    print(time.monotonic_ns(), flush=True)
    listener.bind(("0.0.0.0", port))
    listener.listen()
    while True:
        connection, _ = listener.accept()
        connection.sendall(b"served")
        connection.close()
        if once:
            return


def connect(address, port):
    while True:
        try:
            # Nobody there: refused at once, or, where refusals are limited, silence.
            with socket.create_connection((address, port), timeout=0.005) as connection:
                connection.settimeout(2)
                if connection.recv(1):
                    return time.monotonic_ns()
        except OSError:
            time.sleep(0.0003)


if sys.argv[1] == "connect":
    print(connect(sys.argv[2], int(sys.argv[3])))
else:
    bind(int(sys.argv[2]), sys.argv[1] == "bind")
