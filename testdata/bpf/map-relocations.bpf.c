// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// Tests: relocations to the same two maps at many places: as the first
// instruction, behind branches, in a static subprogram, in a global one, and
// in a second program.
// A run of "walk" with a packet of N bytes leaves in "journal": 0 -> N, 1 -> 2
// (how often subprograms stored), and "seen" empty; it returns XDP_TX. A run
// of "leave" leaves 9 -> 9 in "seen" and returns XDP_PASS.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} seen SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} journal SEC(".maps");

static __noinline long store_static(__u32 key, __u64 value)
{
	__u32 one = 1;
	__u64 *times = bpf_map_lookup_elem(&journal, &one);

	if (times)
		*times += 1;
	return bpf_map_update_elem(&seen, &key, &value, BPF_NOEXIST);
}

__noinline int store_global(__u32 key, __u64 value)
{
	__u32 one = 1;
	__u64 *times = bpf_map_lookup_elem(&journal, &one);

	if (times)
		*times += 1;
	return bpf_map_update_elem(&seen, &key, &value, BPF_NOEXIST);
}

SEC("xdp")
int walk(struct xdp_md *ctx)
{
	__u32 key = 0;
	__u64 *value = bpf_map_lookup_elem(&journal, &key);

	if (!value)
		return XDP_ABORTED;
	*value = ctx->data_end - ctx->data;
	if (store_static(5, 50) || store_global(6, 60))
		return XDP_ABORTED;
#pragma unroll
	for (__u32 i = 5; i < 7; i++) {
		key = i;
		value = bpf_map_lookup_elem(&seen, &key);
		if (!value || *value != 10 * key)
			return XDP_DROP;
		if (bpf_map_delete_elem(&seen, &key))
			return XDP_DROP;
	}
	key = 5;
	if (bpf_map_delete_elem(&seen, &key) != -2 /* ENOENT */)
		return XDP_DROP;
	return XDP_TX;
}

SEC("xdp")
int leave(struct xdp_md *ctx)
{
	__u64 value = 9;
	__u32 key = 9;

	bpf_map_update_elem(&seen, &key, &value, BPF_ANY);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
