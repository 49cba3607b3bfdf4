"""Sessions with line_server.py that are silent for a time: sessions.py ADDRESS PORT COUNT SECONDS

After the silence one half of them speaks first, in the other half the server does. Prints
[{"client": "10.77.0.2:40000", "before": who answered first, "after": who answered after it, "error": null}]
"""

import json
import socket
import sys
import threading
import time

target, count, silence = (sys.argv[1], int(sys.argv[2])), int(sys.argv[3]), float(sys.argv[4])
results = [{"client": "", "before": "", "after": "", "error": None} for _ in range(count)]


def session(number):
    result = results[number]
    try:
        connection = socket.create_connection(target, timeout=silence + 10)
        result["client"] = "%s:%d" % connection.getsockname()
        lines = connection.makefile("r")
        connection.sendall(b"0\n")
        result["before"] = lines.readline().strip()
        if number % 2:
            connection.sendall(b"%f\n" % silence)
        else:
            time.sleep(silence)
            connection.sendall(b"0\n")
        result["after"] = lines.readline().strip()
        connection.close()
    except OSError as error:
        result["error"] = repr(error)


threads = [threading.Thread(target=session, args=(number,)) for number in range(count)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps(results))
