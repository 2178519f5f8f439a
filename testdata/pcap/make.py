#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Makes the captures beside it: odd and broken ones, to try a capture reader.
All but the broken ones hold the first packets of examples/capture/traffic.pcap.

  nanoseconds.pcap    times in nanoseconds (magic a1b23c4d); 5 packets
  big-endian.pcap     written by a big-endian machine; 5 packets
  snapped.pcap        each packet cut to 60 bytes, original lengths kept; 5 packets
  empty.pcap          a header and no packet
  zero-length.pcap    a packet of no bytes between two of the usual ones
  short.pcap          packets of 1 to 13 bytes, none an Ethernet header long; 13
  linux-sll.pcap      another link type (113): nothing here is Ethernet; 5 packets
  broken-middle.pcap  the file ends within the fifth packet
  broken-header.pcap  the file ends within the file header
  broken-record.pcap  the file ends within a packet's header; 2 whole packets
  broken-length.pcap  the third packet claims 4 GiB less one byte
  not-a-capture.pcap  text
  broken.pcap.gz      a gzip stream cut in its middle
"""

import gzip
import struct
from pathlib import Path

HERE = Path(__file__).resolve().parent
RAW = (HERE.parent.parent / "examples" / "capture" / "traffic.pcap").read_bytes()
ETHERNET, LINUX_SLL = 1, 113


def first(count):
    found, at = [], 24
    for _ in range(count):
        seconds, micros, size, length = struct.unpack_from("<IIII", RAW, at)
        found.append((seconds, micros, length, RAW[at + 16:at + 16 + size]))
        at += 16 + size
    return found


def header(order="<", magic=0xA1B2C3D4, link=ETHERNET):
    return struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262144, link)


def record(packet, order="<", scale=1):
    seconds, micros, length, data = packet
    return struct.pack(order + "IIII", seconds, micros * scale, len(data), length) + data


def capture(packets, **options):
    return header(**options) + b"".join(map(record, packets))


def main():
    five = first(5)
    seconds, micros, _, data = five[0]
    whole = capture(five)
    files = {
        "nanoseconds.pcap": header(magic=0xA1B23C4D)
        + b"".join(record(p, scale=1000) for p in five),
        "big-endian.pcap": header(order=">") + b"".join(record(p, order=">") for p in five),
        "snapped.pcap": capture([(s, m, n, d[:60]) for s, m, n, d in five]),
        "empty.pcap": capture([]),
        "zero-length.pcap": capture([five[0], (seconds, micros, 0, b""), five[1]]),
        "short.pcap": capture([(seconds, micros, n, data[:n]) for n in range(1, 14)]),
        "linux-sll.pcap": capture(five, link=LINUX_SLL),
        "broken-middle.pcap": whole[:-20],
        "broken-header.pcap": whole[:17],
        "broken-record.pcap": capture(five[:2]) + bytes(7),
        "broken-length.pcap": capture(five[:2])
        + struct.pack("<IIII", seconds, micros, 0xFFFFFFFF, 0xFFFFFFFF) + data,
        "not-a-capture.pcap": b"This is a text file, whatever its name says.\n",
        "broken.pcap.gz": gzip.compress(capture(first(40)), mtime=0)[:1500],
    }
    for name, content in files.items():
        (HERE / name).write_bytes(content)


if __name__ == "__main__":
    main()
