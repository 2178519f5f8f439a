// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// Map definitions that are wrong, a case an object, chosen by -DCASE.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#if CASE == 1 /* key size said twice, differently */
#define FIELDS __uint(type, BPF_MAP_TYPE_HASH); __uint(key_size, 8); __type(key, __u32);
#elif CASE == 2 /* value size said twice, differently */
#define FIELDS __uint(type, BPF_MAP_TYPE_HASH); __type(value, __u64); __uint(value_size, 4);
#elif CASE == 3 /* a field nobody knows */
#define FIELDS __uint(type, BPF_MAP_TYPE_HASH); __uint(colour, 4);
#elif CASE == 4 /* no type */
#define FIELDS __uint(max_entries, 4);
#elif CASE == 5 /* a number that is no type of a number */
#define FIELDS int type;
#elif CASE == 6 /* a key that is no pointer */
#define FIELDS __uint(type, BPF_MAP_TYPE_HASH); __u32 key;
#elif CASE == 7 /* a way of pinning nobody knows */
#define FIELDS __uint(type, BPF_MAP_TYPE_HASH); __uint(pinning, 2);
#elif CASE == 8 /* values of a map that has none */
#define FIELDS __uint(type, BPF_MAP_TYPE_HASH); __array(values, int (void));
#elif CASE == 9 /* something after values */
#define FIELDS __uint(type, BPF_MAP_TYPE_PROG_ARRAY); int (*values[1])(void); __uint(max_entries, 1);
#elif CASE == 10 /* a map of maps: read, but not loaded */
struct inner { __uint(type, BPF_MAP_TYPE_ARRAY); __type(key, __u32); __type(value, __u64); __uint(max_entries, 7); };
#define FIELDS __uint(type, BPF_MAP_TYPE_HASH_OF_MAPS); __type(key, __u32); __uint(max_entries, 4); __array(values, struct inner);
#elif CASE == 11 /* programs put into a map: read, but not loaded */
int tail(struct xdp_md *ctx);
#define FIELDS __uint(type, BPF_MAP_TYPE_PROG_ARRAY); __type(key, __u32); __uint(max_entries, 1); __array(values, int (void *));
#define VALUES = { .values = { (void *)&tail } }
#elif CASE == 12 /* all fields that hold numbers, and nothing wrong */
#define FIELDS __uint(type, BPF_MAP_TYPE_BLOOM_FILTER); __uint(value_size, 8); __uint(max_entries, 9); __uint(map_flags, BPF_F_NUMA_NODE); __uint(numa_node, 1); enum { extra = 0x100000003ULL } map_extra;
#elif CASE == 13 /* CO-RE */
#define FIELDS __uint(type, BPF_MAP_TYPE_ARRAY); __type(key, __u32); __type(value, __u64); __uint(max_entries, 1);
struct task { int pid; } __attribute__((preserve_access_index));
#define BODY return ((struct task *)(long)ctx->data)->pid;
#elif CASE == 14 /* what the system provides */
#define FIELDS __uint(type, BPF_MAP_TYPE_ARRAY); __type(key, __u32); __type(value, __u64); __uint(max_entries, 1);
extern int provided __kconfig;
#define BODY return provided;
#elif CASE == 15 /* a static map */
#define FIELDS __uint(type, BPF_MAP_TYPE_ARRAY); __type(key, __u32); __type(value, __u64); __uint(max_entries, 1);
#define LINKAGE static
#endif

#ifndef VALUES
#define VALUES
#endif
#ifndef BODY
#define BODY __u32 key = 0; return !bpf_map_lookup_elem(&map, &key);
#endif
#ifndef LINKAGE
#define LINKAGE
#endif

LINKAGE struct {
	FIELDS
} map SEC(".maps") VALUES;

SEC("xdp")
int use(struct xdp_md *ctx)
{
	BODY
}

#if CASE == 11
SEC("xdp")
int tail(struct xdp_md *ctx)
{
	return 2;
}
#endif

char LICENSE[] SEC("license") = "GPL";
