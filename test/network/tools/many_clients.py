"""One question from each of many addresses to each of some services: many_clients.py FIRST COUNT VIP SERVICE…

FIRST COUNT: the addresses of this host to ask from, one after the other. SERVICE: 80/tcp (HTTP) or 7/udp (udp_echo.py).
Prints one JSON object: {"10.99.0.3": {"80/tcp": "node1", "7/udp": "node1"}, …}; null where there was no answer.
"""

import http.client
import ipaddress
import json
import socket
import sys
from concurrent.futures import ThreadPoolExecutor

first, count, vip, services = ipaddress.ip_address(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:]


def ask_http(address, port):
    connection = http.client.HTTPConnection(vip, port, timeout=5, source_address=(address, 0))
    try:
        connection.request("GET", "/")
        return connection.getresponse().read().decode().strip()
    finally:
        connection.close()


def ask_udp(address, port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind((address, 0))
        client.settimeout(5)
        client.sendto(b"who", (vip, port))
        return client.recv(65536).split()[0].decode()


def ask(address):
    answers = {}
    for service in services:
        port, protocol = service.split("/")
        try:
            answers[service] = (ask_http if protocol == "tcp" else ask_udp)(address, int(port))
        except (OSError, http.client.HTTPException) as error:
            print(address, service, repr(error), file=sys.stderr)
            answers[service] = None
    return address, answers


with ThreadPoolExecutor(8) as pool:
    print(json.dumps(dict(pool.map(ask, [str(first + i) for i in range(count)]))))
