"""An HTTP server for the network tests: http_server.py PORT NAME

GET /               NAME
GET /bytes/N        N bytes that every server and every test computes alike
GET /bytes/N?rate=R the same, R bytes a second, in steps of 20 ms (or &step=MILLISECONDS)
PUT /               the SHA-256 of the body
Each answer names the node in the header x-node; each request is a line "CLIENT METHOD PATH" on stdout.
On SIGUSR1 it closes its listener, answers what it has and ends.
"""

import hashlib
import random
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from urllib.parse import parse_qs, urlparse

BLOCK = random.Random(7400).randbytes(1 << 20)
STEP_MS = 20


class Handler(BaseHTTPRequestHandler):
    def begin(self, length):
        print(self.client_address[0], self.command, self.path, flush=True)
        self.send_response(200)
        self.send_header("x-node", NAME)
        self.send_header("content-length", str(length))
        self.end_headers()

    def answer(self, text):
        self.begin(len(text))
        self.wfile.write(text.encode())

    def do_GET(self):
        url = urlparse(self.path)
        if not url.path.startswith("/bytes/"):
            return self.answer(NAME)
        left = int(url.path.split("/")[2])
        query = parse_qs(url.query)
        rate, seconds = int(query.get("rate", [0])[0]), int(query.get("step", [STEP_MS])[0]) / 1000
        step = int(rate * seconds) if rate else len(BLOCK)
        self.begin(left)
        offset, due = 0, time.monotonic()
        while left:
            chunk = BLOCK[offset : offset + min(step, left)]
            self.wfile.write(chunk)
            left -= len(chunk)
            offset = (offset + len(chunk)) % len(BLOCK)
            if rate:
                due += seconds
                time.sleep(max(0.0, due - time.monotonic()))

    def do_PUT(self):
        digest, left = hashlib.sha256(), int(self.headers["content-length"])
        while left:
            chunk = self.rfile.read(min(left, 1 << 16))
            if not chunk:
                raise ConnectionError("the body ended early")
            digest.update(chunk)
            left -= len(chunk)
        self.answer(digest.hexdigest())

    def log_message(self, *_):
        pass


# No HTTPServer: before it listens it asks a name server for its own name.
class Server(ThreadingMixIn, TCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 1024


PORT, NAME = int(sys.argv[1]), sys.argv[2]
server = Server(("0.0.0.0", PORT), Handler)
signal.signal(signal.SIGUSR1, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever()
server.server_close()
for thread in threading.enumerate():
    if thread is not threading.current_thread():
        thread.join()
