// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// Tests: what a program finds in its XDP context: length, metadata, interface,
// queue; and bpf_xdp_load_bytes and bpf_xdp_store_bytes within and beyond.
// A run of 64 bytes returns XDP_TX with bytes 60 to 63 "tail".

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__u32 length;
	__u32 meta;
	__u32 ingress_ifindex;
	__u32 rx_queue_index;
	__u32 first;
	__s32 loaded;
	__s32 loaded_beyond;
	__s32 stored;
	__s32 stored_beyond;
} answers;

SEC("xdp")
int look(struct xdp_md *ctx)
{
	char tail[4] = "tail";

	answers.length = ctx->data_end - ctx->data;
	answers.meta = ctx->data - ctx->data_meta;
	answers.ingress_ifindex = ctx->ingress_ifindex;
	answers.rx_queue_index = ctx->rx_queue_index;
	answers.loaded = bpf_xdp_load_bytes(ctx, 1, &answers.first, 4);
	answers.loaded_beyond = bpf_xdp_load_bytes(ctx, answers.length - 3, tail, 4);
	__builtin_memcpy(tail, "tail", 4);
	answers.stored = bpf_xdp_store_bytes(ctx, 60, tail, 4);
	answers.stored_beyond = bpf_xdp_store_bytes(ctx, answers.length, tail, 1);
	return XDP_TX;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
