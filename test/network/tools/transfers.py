"""Downloads that follow each other until stdin ends: transfers.py URL PARALLEL

Prints "started" when each has received something, and one JSON object at the end:
{"done": {"node1": 12, …}, "bytes": n, "failures": [{"began": milliseconds, "error": "…"}]}
"""

import collections
import http.client
import json
import sys
import threading
import time
from urllib.parse import urlparse

url, parallel = urlparse(sys.argv[1]), int(sys.argv[2])
done, failures, total = collections.Counter(), [], 0
first_bytes, ending, lock = threading.Semaphore(0), threading.Event(), threading.Lock()


def download(first):
    connection = http.client.HTTPConnection(url.hostname, url.port or 80, timeout=30)
    try:
        connection.request("GET", url.path + "?" + url.query)
        response = connection.getresponse()
        length, received = int(response.headers["content-length"]), 0
        while chunk := response.read1(1 << 16):
            received += len(chunk)
            if first:
                first = False
                first_bytes.release()
        if received != length:
            raise ConnectionError("ended after %d of %d bytes" % (received, length))
        return response.headers["x-node"], received
    finally:
        connection.close()


def go_on():
    global total
    first = True
    while not ending.is_set():
        began = time.time() * 1000
        try:
            node, received = download(first)
        except (OSError, http.client.HTTPException) as error:
            with lock:
                failures.append({"began": began, "error": repr(error)})
            if first:
                first_bytes.release()
            time.sleep(0.1)
        else:
            with lock:
                done[node] += 1
                total += received
        first = False


threads = [threading.Thread(target=go_on) for _ in range(parallel)]
for thread in threads:
    thread.start()
for _ in threads:
    first_bytes.acquire()
print("started", flush=True)
sys.stdin.read()
ending.set()
for thread in threads:
    thread.join()
print(json.dumps({"done": done, "bytes": total, "failures": failures}))
