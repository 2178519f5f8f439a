// SPDX-License-Identifier: Apache-2.0 OR MIT
// build: no-btf
// Tests: an object without type information, as compilers once made them. Map
// definitions in SEC("maps"), three in one section, in an order that is not
// alphabetical; the program uses them in yet another order.
// libbpf 1.x no longer reads these; the kernel knows nothing of the notation.
// A run counts the packet in all three maps under key 1 and returns XDP_PASS.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct bpf_map_def {
	unsigned int type;
	unsigned int key_size;
	unsigned int value_size;
	unsigned int max_entries;
	unsigned int map_flags;
};

struct bpf_map_def SEC("maps") zulu = {
	.type = BPF_MAP_TYPE_HASH,
	.key_size = 4,
	.value_size = 8,
	.max_entries = 16,
	.map_flags = BPF_F_NO_PREALLOC,
};

struct bpf_map_def SEC("maps") alpha = {
	.type = BPF_MAP_TYPE_ARRAY,
	.key_size = 4,
	.value_size = 8,
	.max_entries = 2,
};

struct bpf_map_def SEC("maps") mike = {
	.type = BPF_MAP_TYPE_PERCPU_ARRAY,
	.key_size = 4,
	.value_size = 8,
	.max_entries = 4,
};

SEC("xdp")
int count(struct xdp_md *ctx)
{
	__u64 one = 1, *value;
	__u32 key = 1;

	value = bpf_map_lookup_elem(&mike, &key);
	if (value)
		*value += 1;
	value = bpf_map_lookup_elem(&zulu, &key);
	if (value)
		__sync_fetch_and_add(value, 1);
	else
		bpf_map_update_elem(&zulu, &key, &one, BPF_NOEXIST);
	value = bpf_map_lookup_elem(&alpha, &key);
	if (value)
		__sync_fetch_and_add(value, 1);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
