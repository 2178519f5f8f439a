// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// Tests: bpf_trace_printk with none to three arguments, the conversions it
// knows, and a format it must refuse (EINVAL).
// A run returns 2 and leaves in answers: the length of each line (6, 8, 43 for
// a packet of 64 bytes, 18), then -22.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__s64 answers[5];

SEC("xdp")
int print(struct xdp_md *ctx)
{
	static const char bad[] = "%f";
	__u64 big = 0x123456789abcdef0ULL;
	char name[8] = "queen";

	answers[0] = bpf_printk("plain\n");
	answers[1] = bpf_printk("half 50%%");
	answers[2] = bpf_printk("length %d, hex 0x%llx, minus %ld",
				(int)(ctx->data_end - ctx->data), big, -5L);
	answers[3] = bpf_printk("%s %u %c", name, 4000000000U, 'q');
	answers[4] = bpf_trace_printk(bad, sizeof(bad), big);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
