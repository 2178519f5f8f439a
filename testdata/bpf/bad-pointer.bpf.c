// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// Violations, which Linux refuses at load (EACCES): an address made from a
// number, from half a pointer, from its double; and a register nobody set.
// Each run is a violation, but perhaps that of "register_unset", where only a
// machine that tracks what is set can tell.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int from_number(struct xdp_md *ctx)
{
	return *(volatile __u32 *)0xffff888000001000;
}

SEC("xdp")
int low_half(struct xdp_md *ctx)
{
	__u64 low = (__u32)(long)ctx;

	asm volatile("" : "+r"(low));
	return *(volatile __u32 *)low;
}

SEC("xdp")
int product(struct xdp_md *ctx)
{
	__u64 twice = (__u64)(long)ctx * 2;

	asm volatile("" : "+r"(twice));
	return *(volatile __u32 *)twice;
}

SEC("xdp")
int register_unset(struct xdp_md *ctx)
{
	int value;

	asm volatile("%[value] = r5" : [value] "=r"(value));
	return value;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
