// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// Tests: what a program may return: the first four bytes of the packet, as
// they come, known actions or not.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static __always_inline int first_word(void *data, void *data_end)
{
	if (data + 4 > data_end)
		return -1;
	return *(__u32 *)data;
}

SEC("xdp")
int xdp_return(struct xdp_md *ctx)
{
	return first_word((void *)(long)ctx->data, (void *)(long)ctx->data_end);
}

SEC("tc")
int tc_return(struct __sk_buff *skb)
{
	return first_word((void *)(long)skb->data, (void *)(long)skb->data_end);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
