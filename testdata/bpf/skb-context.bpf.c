// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// Tests: what a tc program finds in its context, what it may write there, and
// what of that is seen afterwards (mark, priority, cb).
// A run returns TC_ACT_OK if what it wrote reads back, else TC_ACT_SHOT.

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct {
	__u32 len;
	__u32 linear;
	__u32 pkt_type;
	__u32 mark;
	__u32 protocol;
	__u32 vlan_present;
	__u32 priority;
	__u32 ifindex;
	__u32 ingress_ifindex;
	__u32 cb[5];
	__u32 gso_segs;
	__u64 tstamp;
} answers;

SEC("tc")
int look(struct __sk_buff *skb)
{
	answers.len = skb->len;
	answers.linear = skb->data_end - skb->data;
	answers.pkt_type = skb->pkt_type;
	answers.mark = skb->mark;
	answers.protocol = bpf_ntohs(skb->protocol);
	answers.vlan_present = skb->vlan_present;
	answers.priority = skb->priority;
	answers.ifindex = skb->ifindex;
	answers.ingress_ifindex = skb->ingress_ifindex;
	for (int i = 0; i < 5; i++)
		answers.cb[i] = skb->cb[i];
	answers.gso_segs = skb->gso_segs;
	answers.tstamp = skb->tstamp;

	skb->mark = 0xfeed;
	skb->priority = 7;
	skb->cb[0] = 11;
	skb->cb[4] = 44;
	if (skb->mark != 0xfeed || skb->priority != 7 || skb->cb[0] != 11 || skb->cb[4] != 44)
		return TC_ACT_SHOT;
	return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
