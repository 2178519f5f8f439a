// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// Tests: an XDP and a tc program in one object that share a map.
// "at_driver" returns 2, "at_qdisc" returns 0 (TC_ACT_OK); each counts the
// packet under its own index of "counts".

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

static __always_inline void count(__u32 key)
{
	__u64 *value = bpf_map_lookup_elem(&counts, &key);

	if (value)
		__sync_fetch_and_add(value, 1);
}

SEC("xdp")
int at_driver(struct xdp_md *ctx)
{
	count(0);
	return XDP_PASS;
}

SEC("tc")
int at_qdisc(struct __sk_buff *skb)
{
	count(1);
	return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
