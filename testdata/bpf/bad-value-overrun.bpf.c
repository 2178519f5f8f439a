// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// Violations, which Linux refuses at load (EACCES): an access past a map
// value of 16 bytes, although another element follows in the array.
//   read_past    reads at the offset that the packet's first byte tells: fine
//                to 15, a violation from 16 on
//   write_past   writes there
//   straddle     reads 8 bytes at offset 12: always a violation
//   before       reads one byte before the value: always a violation
//   hash_past    reads byte 16 of a hash's value: always a violation

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct value {
	__u8 bytes[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, struct value);
} array SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, struct value);
} hash SEC(".maps");

static __always_inline __u64 first_byte(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data;

	return data + 1 > (__u8 *)(long)ctx->data_end ? 0 : data[0];
}

SEC("xdp")
int read_past(struct xdp_md *ctx)
{
	__u64 at = first_byte(ctx);
	__u32 key = 1;
	struct value *value = bpf_map_lookup_elem(&array, &key);

	return value ? value->bytes[at] : XDP_ABORTED;
}

SEC("xdp")
int write_past(struct xdp_md *ctx)
{
	__u64 at = first_byte(ctx);
	__u32 key = 1;
	struct value *value = bpf_map_lookup_elem(&array, &key);

	if (value)
		value->bytes[at] = 1;
	return XDP_PASS;
}

SEC("xdp")
int straddle(struct xdp_md *ctx)
{
	__u32 key = 1;
	struct value *value = bpf_map_lookup_elem(&array, &key);

	return value ? *(volatile __u64 *)&value->bytes[12] : XDP_ABORTED;
}

SEC("xdp")
int before(struct xdp_md *ctx)
{
	__u32 key = 1;
	volatile __u8 *value = bpf_map_lookup_elem(&array, &key);

	return value ? value[-1] : XDP_ABORTED;
}

SEC("xdp")
int hash_past(struct xdp_md *ctx)
{
	struct value zero = {};
	volatile __u8 *value;
	__u32 key = 1;

	bpf_map_update_elem(&hash, &key, &zero, BPF_ANY);
	value = bpf_map_lookup_elem(&hash, &key);
	return value ? value[16] : XDP_ABORTED;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
