// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// Tests: BTF-defined maps of all four kinds in one section, in an order that
// is not alphabetical, with flags, with sizes instead of types, and used by
// the program in yet another order.
// A run counts the packet in each map under key 3 and returns XDP_PASS.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u64);
} tango SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__uint(key_size, 4);
	__uint(value_size, 8);
} oscar SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, __u64);
} papa SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} bravo SEC(".maps");

static __always_inline void count_in(void *map)
{
	__u64 one = 1, *value;
	__u32 key = 3;

	value = bpf_map_lookup_elem(map, &key);
	if (value)
		__sync_fetch_and_add(value, 1);
	else
		bpf_map_update_elem(map, &key, &one, BPF_NOEXIST);
}

SEC("xdp")
int count(struct xdp_md *ctx)
{
	count_in(&papa);
	count_in(&bravo);
	count_in(&tango);
	count_in(&oscar);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
