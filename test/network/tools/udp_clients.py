"""Sockets that each talk to a UDP service for a while: udp_clients.py ADDRESS PORT SOCKETS ROUNDS [connected]

Prints a JSON array with one entry per socket: {"nodes": names that answered, "seen": the client addresses that
the server saw, "lost": rounds without a right answer, "from": the addresses that the answers came from}
"""

import json
import socket
import sys

target, count, rounds = (sys.argv[1], int(sys.argv[2])), int(sys.argv[3]), int(sys.argv[4])
clients = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
if sys.argv[5:]:
    for client in clients:
        client.connect(target)
results = [{"nodes": set(), "seen": set(), "from": set(), "lost": 0} for _ in clients]
for round_number in range(rounds):
    for number, (client, result) in enumerate(zip(clients, results)):
        question = b"%d/%d" % (number, round_number)
        client.settimeout(2)
        try:
            client.send(question) if sys.argv[5:] else client.sendto(question, target)
            data, source = client.recvfrom(65536)
            node, seen, echo = data.split(b" ", 2)
            if echo != question:
                raise TimeoutError
            result["nodes"].add(node.decode())
            result["seen"].add(seen.decode())
            result["from"].add("%s:%d" % source)
        except OSError:
            result["lost"] += 1
print(json.dumps([{key: sorted(v) if isinstance(v, set) else v for key, v in r.items()} for r in results]))
