// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// Violations, which Linux refuses at load (EACCES or EINVAL): helpers given
// memory that is too short, of the wrong kind, or no pointer at all.
//   short_key     a key of 16 bytes that has only 8 of the stack left
//   packet_beyond a key in the packet, past its end
//   number_key    a number for a key
//   number_map    a number for a map
//   long_format   a format longer than the memory it lies in
//   no_helper     a helper number that does not exist

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct key {
	__u64 a, b;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__type(key, struct key);
	__type(value, __u64);
} map SEC(".maps");

__u64 room[1];

SEC("xdp")
int short_key(struct xdp_md *ctx)
{
	void *key;

	asm volatile("r1 = 1; *(u64 *)(r10 - 8) = r1; %[key] = r10; %[key] += -8"
		     : [key] "=r"(key)::"r1", "memory");
	return bpf_map_lookup_elem(&map, key) ? XDP_TX : XDP_PASS;
}

SEC("xdp")
int packet_beyond(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;

	return bpf_map_lookup_elem(&map, end - 8) ? XDP_TX : XDP_PASS;
}

SEC("xdp")
int number_key(struct xdp_md *ctx)
{
	return bpf_map_lookup_elem(&map, (void *)4096) ? XDP_TX : XDP_PASS;
}

SEC("xdp")
int number_map(struct xdp_md *ctx)
{
	struct key key = {};

	return bpf_map_lookup_elem((void *)4096, &key) ? XDP_TX : XDP_PASS;
}

SEC("xdp")
int long_format(struct xdp_md *ctx)
{
	return bpf_trace_printk((const char *)room, 64);
}

SEC("xdp")
int no_helper(struct xdp_md *ctx)
{
	static int (*const nowhere)(void) = (void *)60000;

	return nowhere();
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
