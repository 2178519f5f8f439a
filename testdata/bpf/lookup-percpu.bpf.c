// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// Tests: bpf_map_lookup_percpu_elem on both per-CPU kinds, for the own CPU,
// for CPU 0, and for a CPU that does not exist (NULL).
// A run returns 2 and leaves: seen[0] and seen[1] the own CPU's counters after
// the increment (1 each in a first run), seen[2] 0, since CPU 100000 has none.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} array SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u64);
} hash SEC(".maps");

__u64 seen[3];

SEC("xdp")
int look(struct xdp_md *ctx)
{
	__u32 cpu = bpf_get_smp_processor_id(), key = 1;
	__u64 one = 1, *value;

	value = bpf_map_lookup_elem(&array, &key);
	if (value)
		*value += 1;
	value = bpf_map_lookup_elem(&hash, &key);
	if (value)
		*value += 1;
	else
		bpf_map_update_elem(&hash, &key, &one, BPF_NOEXIST);

	value = bpf_map_lookup_percpu_elem(&array, &key, cpu);
	seen[0] = value ? *value : -1;
	value = bpf_map_lookup_percpu_elem(&hash, &key, cpu);
	seen[1] = value ? *value : -1;
	value = bpf_map_lookup_percpu_elem(&hash, &key, 100000);
	seen[2] = value ? *value : 0;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
