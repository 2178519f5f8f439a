#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Counts traffic.pcap with tshark, so that the tests compare against a reader
that shares no code with skep. Writes expected.json.

usage: expect.py [CAPTURE.pcap [EXPECTED.json]]

What is counted, as the example programs count it:

  ethertype     packets by the type field of the Ethernet header
  ip_proto      packets by the `protocol` field of the IPv4 header or the
                `next header` field of the fixed IPv6 header; a hop-by-hop (0)
                or fragment (44) header that follows is not skipped, and every
                fragment counts. Packets that are neither IPv4 nor IPv6 are
                not counted.
  source        packets and bytes (whole frames) by IP source address, dropped
                packets included, with the time of the first and the last one
  per_source    what examples/per-source answers with its limit of 400: a
                packet of a source that has already sent 400 is dropped; all
                else passes, packets that are not IP included
"""

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
FIELDS = ["frame.number", "frame.len", "frame.time_epoch", "eth.type",
          "ip.proto", "ipv6.nxt", "ip.src", "ipv6.src"]


def limit():
    """The limit that the example is built with, read from its source."""
    source = (HERE.parent / "per-source" / "per-source.bpf.c").read_text()
    return int(re.search(r"const volatile __u64 limit = (\d+);", source)[1])


def packets(capture):
    """One row of FIELDS a packet. `occurrence=f` takes the outermost header,
    not the one quoted inside an ICMP error; reassembly is off, so that each
    fragment stays a packet of its own."""
    command = ["tshark", "-n", "-r", str(capture), "-T", "fields",
               "-E", "occurrence=f", "-E", "separator=|",
               "-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE"]
    for field in FIELDS:
        command += ["-e", field]
    lines = subprocess.run(command, check=True, stdout=subprocess.PIPE,
                           stderr=subprocess.DEVNULL, text=True).stdout
    for line in lines.splitlines():
        yield dict(zip(FIELDS, line.split("|")))


def count(capture):
    ethertype, proto, actions = Counter(), Counter(), Counter()
    sources, dropped = {}, Counter()
    total_bytes, at_most = 0, limit()
    for row in packets(capture):
        size = int(row["frame.len"])
        total_bytes += size
        ethertype["0x%04x" % int(row["eth.type"], 16)] += 1
        number = row["ip.proto"] or row["ipv6.nxt"]
        address = row["ip.src"] or row["ipv6.src"]
        if not number:
            actions["XDP_PASS"] += 1
            continue
        proto[int(number)] += 1
        entry = sources.setdefault(address, {
            "packets": 0, "bytes": 0, "first": row["frame.time_epoch"], "last": ""})
        entry["packets"] += 1
        entry["bytes"] += size
        entry["last"] = row["frame.time_epoch"]
        if entry["packets"] > at_most:
            actions["XDP_DROP"] += 1
            dropped[address] += 1
        else:
            actions["XDP_PASS"] += 1
    by_volume = sorted(sources, key=lambda a: (-sources[a]["packets"], a))
    return {
        "capture": capture.name,
        "packets": sum(ethertype.values()),
        "bytes": total_bytes,
        "ethertype": dict(sorted(ethertype.items())),
        "ip_proto": {str(n): proto[n] for n in sorted(proto)},
        "source": {a: sources[a] for a in by_volume},
        "per_source": {
            "limit": at_most,
            "returned": dict(sorted(actions.items())),
            "dropped": {a: dropped[a] for a in by_volume if dropped[a]},
        },
    }


def main():
    capture = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "traffic.pcap"
    output = Path(sys.argv[2]) if len(sys.argv) > 2 else HERE / "expected.json"
    version = subprocess.run(["tshark", "--version"], check=True, stderr=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, text=True).stdout.split("\n")[0]
    result = {"counted_by": version.rstrip(".")} | count(capture)
    output.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
