"""A server with long sessions, as of mail or a shell: line_server.py PORT NAME

Each line of a client is a number of seconds; after those the server answers NAME.
"""

import socketserver
import sys
import time


class Session(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            time.sleep(float(line))
            self.wfile.write(sys.argv[2].encode() + b"\n")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 1024


Server(("0.0.0.0", int(sys.argv[1])), Session).serve_forever()
