// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// A violation, which Linux refuses at load (EACCES): the answer of a lookup is
// used without a check. The map is empty, so the answer is NULL: every run of
// "count" is a violation at the read of the old value, that of "store" at its
// write.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} empty SEC(".maps");

SEC("xdp")
int count(struct xdp_md *ctx)
{
	__u32 key = 7;
	__u64 *value = bpf_map_lookup_elem(&empty, &key);

	*value += 1;
	return XDP_PASS;
}

SEC("xdp")
int store(struct xdp_md *ctx)
{
	__u32 key = 7;
	volatile __u64 *value = bpf_map_lookup_elem(&empty, &key);

	value[0] = 1;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
