// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// Does not load. Tests: a license that is not GPL-compatible, and a program
// that calls bpf_trace_printk, which is reserved to those that are. Linux says
// EINVAL.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int print(struct xdp_md *ctx)
{
	static const char text[] = "not yours to call";

	bpf_trace_printk(text, sizeof(text));
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Proprietary";
