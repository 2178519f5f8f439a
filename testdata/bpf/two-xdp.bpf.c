// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// Tests: two XDP programs in one object and one section, so that the second
// begins behind the first; relocations count from the section's start.
// "pass" returns 2 and adds 1 to runs[0]; "drop" returns 1 and adds to runs[1].

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u64 runs[2];

SEC("xdp")
int pass(struct xdp_md *ctx)
{
	runs[0] += 1;
	return XDP_PASS;
}

SEC("xdp")
int drop(struct xdp_md *ctx)
{
	runs[1] += 1;
	return XDP_DROP;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
