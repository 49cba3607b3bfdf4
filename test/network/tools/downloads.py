"""Many downloads at once: downloads.py URL COUNT

Prints "started" when every one has received something, and at the end one JSON array:
[{"client": "10.77.0.2:40000", "node": "node1", "bytes": n, "sha256": "…", "gapMs": longest wait between two
reads, "seconds": n, "error": null}]
"""

import hashlib
import http.client
import json
import sys
import threading
import time
from urllib.parse import urlparse

url, count = urlparse(sys.argv[1]), int(sys.argv[2])
results, first_bytes = [], threading.Semaphore(0)


def download():
    result = {"client": "", "node": "", "bytes": 0, "sha256": "", "gapMs": 0, "seconds": 0, "error": None}
    results.append(result)
    digest, began, waiting = hashlib.sha256(), time.monotonic(), True
    try:
        connection = http.client.HTTPConnection(url.hostname, url.port or 80, timeout=60)
        connection.connect()
        result["client"] = "%s:%d" % connection.sock.getsockname()
        connection.request("GET", url.path + ("?" + url.query if url.query else ""))
        response = connection.getresponse()
        result["node"], length = response.headers["x-node"], int(response.headers["content-length"])
        last = time.monotonic()
        while chunk := response.read1(1 << 16):
            now = time.monotonic()
            result["gapMs"], last = max(result["gapMs"], (now - last) * 1000), now
            result["bytes"] += len(chunk)
            digest.update(chunk)
            if waiting:
                waiting = False
                first_bytes.release()
        if result["bytes"] != length:
            raise ConnectionError("ended after %d of %d bytes" % (result["bytes"], length))
        result["sha256"] = digest.hexdigest()
    except (OSError, http.client.HTTPException) as error:
        result["error"] = repr(error)
    if waiting:
        first_bytes.release()
    result["seconds"] = time.monotonic() - began


threads = [threading.Thread(target=download) for _ in range(count)]
for thread in threads:
    thread.start()
for _ in range(count):
    first_bytes.acquire()
print("started", flush=True)
for thread in threads:
    thread.join()
print(json.dumps(results))
