// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// Tests: a static function that lies in the program's own section, so that
// the call to it carries no relocation. libbpf asks for .text and refuses
// this; the kernel takes the section whole.
// A run returns 2 for a packet of less than 100 bytes, else 1.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static __noinline __u64 length_of(struct xdp_md *ctx);

SEC("xdp")
int judge(struct xdp_md *ctx)
{
	return length_of(ctx) < 100 ? XDP_PASS : XDP_DROP;
}

static __noinline SEC("xdp") __u64 length_of(struct xdp_md *ctx)
{
	__u64 length = ctx->data_end - ctx->data;

	asm volatile("" : "+r"(length));
	return length;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
