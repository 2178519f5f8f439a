// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// Does not load. Tests: a call to a function and the use of a variable that are
// in no object. The loader must name the symbol, the section and the offset.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

extern int nowhere(int x);
extern __u64 missing;

SEC("xdp")
int call(struct xdp_md *ctx)
{
	return nowhere(1);
}

SEC("xdp")
int use(struct xdp_md *ctx)
{
	return missing;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
