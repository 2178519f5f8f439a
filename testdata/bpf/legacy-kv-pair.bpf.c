// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// Tests: maps in SEC("maps") whose key and value types are told by a struct
// ____btf_map_NAME in the section .maps.NAME. Map "plain" has none, and stays
// without types.
// A run records the length of the packet under its first two bytes.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct bpf_map_def {
	unsigned int type;
	unsigned int key_size;
	unsigned int value_size;
	unsigned int max_entries;
	unsigned int map_flags;
};

#define ANNOTATE_KV_PAIR(name, key_type, value_type)                    \
	struct ____btf_map_##name {                                     \
		key_type key;                                           \
		value_type value;                                       \
	};                                                              \
	struct ____btf_map_##name SEC(".maps." #name) ____btf_map_##name

struct start {
	__u8 first;
	__u8 second;
};

struct length {
	__u32 last;
	__u32 longest;
};

struct bpf_map_def SEC("maps") typed = {
	.type = BPF_MAP_TYPE_HASH,
	.key_size = sizeof(struct start),
	.value_size = sizeof(struct length),
	.max_entries = 64,
};
ANNOTATE_KV_PAIR(typed, struct start, struct length);

struct bpf_map_def SEC("maps") plain = {
	.type = BPF_MAP_TYPE_ARRAY,
	.key_size = 4,
	.value_size = 4,
	.max_entries = 1,
};

SEC("xdp")
int record(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data;
	__u8 *data_end = (void *)(long)ctx->data_end;
	struct length length, *known;
	struct start start;
	__u32 zero = 0, *last;

	if (data + 2 > data_end)
		return XDP_DROP;
	start.first = data[0];
	start.second = data[1];
	length.last = data_end - data;
	length.longest = length.last;
	known = bpf_map_lookup_elem(&typed, &start);
	if (known && known->longest > length.longest)
		length.longest = known->longest;
	bpf_map_update_elem(&typed, &start, &length, BPF_ANY);
	last = bpf_map_lookup_elem(&plain, &zero);
	if (last)
		*last = length.last;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
