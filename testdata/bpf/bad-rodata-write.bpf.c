// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// A violation, which Linux refuses at load (EACCES): a store to a constant.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

const volatile __u64 limit = 10;

SEC("xdp")
int raise_limit(struct xdp_md *ctx)
{
	*(volatile __u64 *)(long)&limit = 20;
	return limit;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
