"""ARP by hand: arp.py INTERFACE SECONDS claim|ask|listen ADDRESS [VLAN]

claim: says that ADDRESS is at this interface's MAC. ask: who has ADDRESS? VLAN: with that tag.
Prints one line: a list of the ARP frames about ADDRESS that others sent within SECONDS,
[{"ms": since the question, "operation": 1 or 2, "mac": of the sender, "vlan": number or null}]
"""

import json
import select
import socket
import struct
import sys
import time

SOL_PACKET, PACKET_AUXDATA, PACKET_OUTGOING, VLAN_VALID = 263, 8, 4, 0x10
ARP, TAGGED = 0x0806, 0x8100

interface, seconds, what, address = sys.argv[1:5]
tag = struct.pack("!HH", TAGGED, int(sys.argv[5])) if len(sys.argv) > 5 else b""
wanted = socket.inet_aton(address)
raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
raw.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
raw.bind((interface, 3))
own = raw.getsockname()[4]


def vlan_of(ancillary):
    for level, kind, data in ancillary:
        if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
            status, _, _, _, _, tci, _ = struct.unpack("=IIIHHHH", data)
            return tci & 0xFFF if status & VLAN_VALID else None
    return None


began = time.monotonic()
if what != "listen":
    sender = wanted if what == "claim" else bytes(4)
    packet = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + own + sender + bytes(6) + wanted
    raw.send(b"\xff" * 6 + own + tag + struct.pack("!H", ARP) + packet)
heard = []
while (left := began + float(seconds) - time.monotonic()) > 0 and select.select([raw], [], [], left)[0]:
    try:
        data, ancillary, _, origin = raw.recvmsg(1 << 16, 256)
    except OSError:  # the interface was down
        continue
    if origin[2] == PACKET_OUTGOING or data[12:14] != struct.pack("!H", ARP):
        continue
    if data[28:32] == wanted and data[22:28] != own:
        ms = round(1000 * (time.monotonic() - began))
        one = {"ms": ms, "operation": data[21], "mac": data[22:28].hex(":"), "vlan": vlan_of(ancillary)}
        heard.append(one)
print(json.dumps(heard))
