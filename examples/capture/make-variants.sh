#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# Derives the small variants of traffic.pcap that try a capture reader:
#
#   traffic.pcapng    the first 200 packets, in the pcapng format
#   traffic.pcap.gz   the first 200 packets, gzipped
#   rawip.pcap        the first 300 IP packets without their Ethernet headers
#                     (LINKTYPE_RAW)
#
# needs: editcap and tshark (Debian: tshark), gzip

set -euo pipefail
cd "$(dirname "$0")"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

editcap -F pcap -r traffic.pcap "$dir/first.pcap" 1-200
editcap -F pcapng "$dir/first.pcap" traffic.pcapng
gzip -9nc "$dir/first.pcap" >traffic.pcap.gz

tshark -r traffic.pcap -Y 'ip or ipv6' -F pcap -w "$dir/ip.pcap" 2>/dev/null
editcap -F pcap -C 14 -L -T rawip -r "$dir/ip.pcap" rawip.pcap 1-300
