// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// Violations, which Linux refuses at load (EACCES or EINVAL):
//   variable     writes a stack array of 16 bytes, at the frame's top, at an
//                offset from the packet's first byte: fine to 15, a violation
//                from 16 on, where the frame ends
//   below        reads 8 bytes at r10 - 520: always a violation
//   above        writes 8 bytes at r10: always a violation
//   unset        reads a stack word that nobody wrote. Linux refuses it for
//                programs without CAP_PERFMON only

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int variable(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data;
	volatile __u8 array[16] = {};

	if (data + 1 > (__u8 *)(long)ctx->data_end)
		return XDP_ABORTED;
	array[data[0]] = 1;
	return XDP_PASS;
}

SEC("xdp")
int below(struct xdp_md *ctx)
{
	__u64 word;

	asm volatile("%[word] = *(u64 *)(r10 - 520)" : [word] "=r"(word));
	return word;
}

SEC("xdp")
int above(struct xdp_md *ctx)
{
	asm volatile("r1 = 1; *(u64 *)(r10 + 0) = r1" ::: "r1", "memory");
	return XDP_PASS;
}

SEC("xdp")
int unset(struct xdp_md *ctx)
{
	__u64 word;

	asm volatile("%[word] = *(u64 *)(r10 - 8)" : [word] "=r"(word));
	return word ? XDP_PASS : XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
