"""Raw frames.

frames.py send INTERFACE HEX [VNET]     sends one frame; VNET: its virtio_net_hdr in hex (else: finished)
frames.py flood INTERFACE HEX RATE      sends it again and again, RATE times a second, until it is killed
frames.py capture INTERFACE MAC SECONDS prints "capturing", then one line of JSON for each frame to MAC:
                                        {"bytes": hex, "tag": null or {"tpid": n, "tci": n}, "vnet": hex}
"""

import json
import select
import socket
import struct
import sys
import time

SOL_PACKET, PACKET_AUXDATA, PACKET_VNET_HDR, PACKET_OUTGOING = 263, 8, 15, 4
VLAN_VALID, VLAN_TPID_VALID = 0x10, 0x40
FINISHED = bytes(10)

what, interface, argument = sys.argv[1:4]
raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0 if what != "capture" else socket.htons(3))
raw.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
raw.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
raw.bind((interface, 0 if what != "capture" else 3))


def tag_of(ancillary):
    for level, kind, data in ancillary:
        if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
            status, _, _, _, _, tci, tpid = struct.unpack("=IIIHHHH", data)
            if status & VLAN_VALID:
                return {"tpid": tpid if status & VLAN_TPID_VALID else 0x8100, "tci": tci}
    return None


if what == "send":
    raw.send((bytes.fromhex(sys.argv[4]) if len(sys.argv) > 4 else FINISHED) + bytes.fromhex(argument))
elif what == "flood":
    frame, rate, sent, began = FINISHED + bytes.fromhex(argument), int(sys.argv[4]), 0, time.monotonic()
    while True:
        if sent > rate * (time.monotonic() - began):
            time.sleep(0.001)
            continue
        raw.send(frame)
        sent += 1
else:
    print("capturing", flush=True)
    end = time.monotonic() + float(sys.argv[4])
    while (left := end - time.monotonic()) > 0 and select.select([raw], [], [], left)[0]:
        data, ancillary, _, sender = raw.recvmsg(1 << 17, 256)
        if sender[2] != PACKET_OUTGOING and data[10:16] == bytes.fromhex(argument.replace(":", "")):
            found = {"bytes": data[10:].hex(), "tag": tag_of(ancillary), "vnet": data[:10].hex()}
            print(json.dumps(found), flush=True)
