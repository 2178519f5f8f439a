// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// Does not load. Tests: a struct bpf_map_def that is longer than the five known
// fields, with something in a field beyond. The loader must refuse map "first":
// it cannot know what is asked for.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct bpf_map_def {
	unsigned int type;
	unsigned int key_size;
	unsigned int value_size;
	unsigned int max_entries;
	unsigned int map_flags;
	unsigned int inner_map_idx;
	unsigned int numa_node;
};

struct bpf_map_def SEC("maps") second = {
	.type = BPF_MAP_TYPE_HASH,
	.key_size = 4,
	.value_size = 8,
	.max_entries = 16,
};

struct bpf_map_def SEC("maps") first = {
	.type = BPF_MAP_TYPE_ARRAY,
	.key_size = 4,
	.value_size = 8,
	.max_entries = 2,
	.numa_node = 1,
};

SEC("xdp")
int count(struct xdp_md *ctx)
{
	__u64 one = 1, *value;
	__u32 key = 1;

	value = bpf_map_lookup_elem(&first, &key);
	if (value)
		__sync_fetch_and_add(value, 1);
	bpf_map_update_elem(&second, &key, &one, BPF_ANY);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
