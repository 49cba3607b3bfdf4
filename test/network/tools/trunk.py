"""A program that talks from a fixed port: trunk.py PORT ROUNDS ADDRESS:PORT,… [connected]

Datagrams to each peer in turn, from one unconnected socket; "connected": a socket for each peer, all on that port.
Prints [{"peer": …, "answers": how many rounds were answered, "seen": as whom the peer saw us}]
"""

import json
import socket
import sys

port, rounds = int(sys.argv[1]), int(sys.argv[2])
peers = [(one.split(":")[0], int(one.split(":")[1])) for one in sys.argv[3].split(",")]
connected = sys.argv[4:] == ["connected"]


def bound():
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    if connected:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.settimeout(2)
    sock.bind(("0.0.0.0", port))
    return sock


results = [{"peer": "%s:%d" % peer, "answers": 0, "seen": []} for peer in peers]
sockets = [bound() for _ in peers] if connected else [bound()] * len(peers)
if connected:
    for sock, peer in zip(sockets, peers):
        sock.connect(peer)
for number in range(rounds):
    for sock, peer, result in zip(sockets, peers, results):
        question = b"%d" % number
        sock.send(question) if connected else sock.sendto(question, peer)
        try:
            answer, source = sock.recvfrom(65536)
            words = answer.split()
            if source == peer and words[-1] == question:
                result["answers"] += 1
                if words[1].decode() not in result["seen"]:
                    result["seen"].append(words[1].decode())
        except OSError:
            pass
print(json.dumps(results))
