"""Pages that cost processor time, and a client that asks for them at a steady rate whether answers come or not.

    pages.py serve PORT NAME MICROSECONDS        each page takes so much time of a processor; says NAME
    pages.py ask ADDRESS PORT RATE SECONDS       a new connection each; JSON on stdout: milliseconds, by whom, failures

An answer's time counts from when it was due to be asked for, not from when the client found the time.
"""

import asyncio
import hashlib
import json
import socket
import sys
import time

PATIENCE_S = 10


def work(rounds):
    hashlib.pbkdf2_hmac("sha256", b"page", b"salt", rounds)


def rounds_of(microseconds):
    trial = 20000
    began = time.thread_time()
    work(trial)
    return max(1, int(trial * microseconds / 1e6 / (time.thread_time() - began)))


def serve(port, name, microseconds):
    rounds = rounds_of(microseconds)
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("0.0.0.0", port))
    listener.listen(1024)
    while True:
        connection, _ = listener.accept()
        with connection:
            try:
                connection.recv(100)
                work(rounds)
                connection.sendall(name.encode())
            except OSError:
                pass  # the client has lost its patience


async def page(address, port, due, report):
    try:
        async with asyncio.timeout(PATIENCE_S):
            reader, writer = await asyncio.open_connection(address, port)
            writer.write(b"page\n")
            name = (await reader.read()).decode()
            writer.close()
        if not name:
            raise OSError("no answer")
    except (OSError, TimeoutError):
        report["failures"] += 1
        return
    report["ms"].append(round((time.monotonic() - due) * 1e3, 3))
    report["answers"][name] = report["answers"].get(name, 0) + 1


async def ask(address, port, rate, seconds):
    report = {"ms": [], "answers": {}, "failures": 0}
    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for number in range(rate * seconds):
            due = began + number / rate
            await asyncio.sleep(max(0, due - time.monotonic()))
            group.create_task(page(address, port, due, report))
    print(json.dumps(report))


if sys.argv[1] == "serve":
    serve(int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
else:
    asyncio.run(ask(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])))
