// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// Tests: several programs a section, in several sections, with the section
// names for the same two types: xdp, tc, and the older classifier.
// Each returns a number of its own: 1, 2, 3 for XDP, 4, 5, 6, 7 for tc.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int xdp_one(struct xdp_md *ctx)
{
	return 1;
}

SEC("tc")
int tc_four(struct __sk_buff *skb)
{
	return 4;
}

SEC("xdp")
int xdp_two(struct xdp_md *ctx)
{
	return 2;
}

SEC("classifier")
int cls_five(struct __sk_buff *skb)
{
	return 5;
}

SEC("tc")
int tc_six(struct __sk_buff *skb)
{
	return 6;
}

SEC("xdp")
int xdp_three(struct xdp_md *ctx)
{
	return 3;
}

SEC("classifier")
int cls_seven(struct __sk_buff *skb)
{
	return 7;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
