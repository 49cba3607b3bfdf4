"""Sends bytes and prints what the server says it received: upload.py URL BYTES

Prints {"sent": "SHA-256 of what was sent", "received": "SHA-256 that the server computed", "node": "node1"}
"""

import hashlib
import http.client
import json
import random
import sys
from urllib.parse import urlparse

url, left = urlparse(sys.argv[1]), int(sys.argv[2])
block = random.Random(25).randbytes(1 << 20)
body = (block * (left // len(block) + 1))[:left]
connection = http.client.HTTPConnection(url.hostname, url.port or 80, timeout=60)
connection.request("PUT", "/", body)
response = connection.getresponse()
received = response.read().decode()
sent = hashlib.sha256(body).hexdigest()
print(json.dumps({"sent": sent, "received": received, "node": response.headers["x-node"]}))
