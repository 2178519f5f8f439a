// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// A violation, which Linux refuses at load (EINVAL, infinite loop): a run that
// never ends. "spin" reads its context for ever; "tight" is one instruction
// that jumps to itself.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int spin(struct xdp_md *ctx)
{
	while (*(volatile __u32 *)&ctx->rx_queue_index != 0xffffffff)
		;
	return XDP_PASS;
}

SEC("xdp")
int tight(struct xdp_md *ctx)
{
	asm volatile("goto -1");
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
