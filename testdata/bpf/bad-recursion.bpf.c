// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// A violation, which Linux refuses at load (E2BIG, too many frames): a
// subprogram that calls itself as deep as the packet is long. Eight frames are
// allowed, the program's own among them.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static __noinline int descend(__u64 depth)
{
	volatile __u64 here = depth;

	if (!depth)
		return 0;
	return descend(depth - 1) + here;
}

SEC("xdp")
int deep(struct xdp_md *ctx)
{
	return descend(ctx->data_end - ctx->data);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
