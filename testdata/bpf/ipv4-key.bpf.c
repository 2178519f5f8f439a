// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// Tests: a key that is a bare IPv4 address in network order, as many programs
// have it, for the command's way to print it as an address.
// A run counts the packet under its IPv4 destination.

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, __be32);
	__type(value, __u64);
} destinations SEC(".maps");

SEC("xdp")
int count(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	__u64 one = 1, *value;
	__be32 to;

	if ((void *)(ip + 1) > data_end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	to = ip->daddr;
	value = bpf_map_lookup_elem(&destinations, &to);
	if (value)
		__sync_fetch_and_add(value, 1);
	else
		bpf_map_update_elem(&destinations, &to, &one, BPF_NOEXIST);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
