"""Sequential requests, a new connection each: request_loop.py URL [COUNT [RATE]]

Without COUNT it goes on until stdin ends; RATE: so many a second at most. Prints one JSON object at the end:
{"answers": {"node1": 100, …}, "failures": [{"began": milliseconds, "error": "…"}]}
"""

import collections
import json
import select
import sys
import time
import urllib.request

url = sys.argv[1]
count = int(sys.argv[2]) if len(sys.argv) > 2 else None
pause = 1 / float(sys.argv[3]) if len(sys.argv) > 3 else 0
answers, failures = collections.Counter(), []


def more():
    if count is not None:
        return sum(answers.values()) + len(failures) < count
    return not select.select([sys.stdin], [], [], 0)[0]


due = time.monotonic()
while more():
    time.sleep(max(0.0, due - time.monotonic()))
    due += pause
    began = time.time() * 1000
    try:
        with urllib.request.urlopen(url, timeout=3) as response:
            answers[response.headers.get("x-node") or response.read().decode().strip()] += 1
    except OSError as error:
        failures.append({"began": began, "error": str(error)})
print(json.dumps({"answers": answers, "failures": failures}))
