// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// Violations, which Linux refuses at load (EACCES): the context used beyond
// its end, before its start, across two fields, or written where it is read
// only. Each run is a violation.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define FIELD(type, ctx, at) (*(volatile type *)((char *)(ctx) + (at)))

SEC("xdp")
int read_beyond(struct xdp_md *ctx)
{
	return FIELD(__u32, ctx, 24);
}

SEC("xdp")
int read_before(struct xdp_md *ctx)
{
	return FIELD(__u32, ctx, -4);
}

SEC("xdp")
int read_across(struct xdp_md *ctx)
{
	return FIELD(__u64, ctx, 12);
}

SEC("xdp")
int write_data_end(struct xdp_md *ctx)
{
	FIELD(__u32, ctx, 4) = 0;
	return XDP_PASS;
}

SEC("tc")
int write_len(struct __sk_buff *skb)
{
	FIELD(__u32, skb, 0) = 0;
	return 0;
}

SEC("tc")
int read_far(struct __sk_buff *skb)
{
	return FIELD(__u32, skb, 4096);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
