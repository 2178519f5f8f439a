// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// Tests: bpf_skb_load_bytes, bpf_skb_store_bytes, bpf_csum_diff,
// bpf_l3_csum_replace and bpf_l4_csum_replace, the way address translators use
// them, with the answers inside and outside the packet.
//   translate   IPv4 TCP or UDP: the destination becomes 192.0.2.7, with both
//               checksums mended; returns TC_ACT_OK, else TC_ACT_UNSPEC
//   edges       loads and stores at and past the packet's end; fills "answers"

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <stddef.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define IP_AT ETH_HLEN
#define L4_AT (ETH_HLEN + (int)sizeof(struct iphdr))

__s64 answers[8];

SEC("tc")
int translate(struct __sk_buff *skb)
{
	__be32 old, new = bpf_htonl(0xc0000207);
	struct iphdr ip;
	__s64 difference;
	int sum_at, flags = BPF_F_PSEUDO_HDR;

	if (skb->protocol != bpf_htons(ETH_P_IP))
		return TC_ACT_UNSPEC;
	if (bpf_skb_load_bytes(skb, IP_AT, &ip, sizeof(ip)) || ip.ihl != 5)
		return TC_ACT_UNSPEC;
	if (ip.protocol == IPPROTO_TCP) {
		sum_at = L4_AT + offsetof(struct tcphdr, check);
	} else if (ip.protocol == IPPROTO_UDP) {
		sum_at = L4_AT + offsetof(struct udphdr, check);
		flags |= BPF_F_MARK_MANGLED_0;
	} else {
		return TC_ACT_UNSPEC;
	}
	old = ip.daddr;
	difference = bpf_csum_diff(&old, 4, &new, 4, 0);
	answers[0] = difference;
	answers[1] = bpf_l4_csum_replace(skb, sum_at, 0, difference, flags);
	answers[2] = bpf_l3_csum_replace(skb, IP_AT + offsetof(struct iphdr, check), old, new, 4);
	answers[3] = bpf_skb_store_bytes(skb, IP_AT + offsetof(struct iphdr, daddr), &new, 4, 0);
	return TC_ACT_OK;
}

SEC("tc")
int edges(struct __sk_buff *skb)
{
	__u32 length = skb->len;
	__u8 bytes[4] = { 1, 2, 3, 4 };
	__u8 more[8] = { 5, 6, 7, 8, 9, 10, 11, 12 };

	answers[0] = bpf_skb_load_bytes(skb, length - 4, bytes, 4);
	answers[1] = bpf_skb_load_bytes(skb, length - 3, bytes, 4);
	answers[2] = bpf_skb_load_bytes(skb, 0xffffffff, bytes, 4);
	answers[3] = bpf_skb_store_bytes(skb, length - 4, more, 4, 0);
	answers[4] = bpf_skb_store_bytes(skb, length - 3, more, 4, 0);
	answers[5] = bpf_skb_store_bytes(skb, 0, more, 4, 1 << 20);
	answers[6] = bpf_csum_diff(0, 0, (__be32 *)more, 8, 0x1234);
	answers[7] = bpf_csum_diff((__be32 *)more, 4, 0, 0, 0);
	return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
