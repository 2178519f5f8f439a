// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// Counts packets and bytes by source address, IPv4 and IPv6 in one hash, and
// drops what a source sends beyond its limit. The limit is a constant of the
// object (.rodata), the number of drops a variable (.bss).

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

enum family {
	IPV4 = 4,
	IPV6 = 6,
};

struct source {
	enum family family;
	__u8 address[16]; /* IPv4 as ::ffff:a.b.c.d */
};

struct traffic {
	__u64 packets;
	__u64 bytes;
	__u64 first_seen; /* nanoseconds since boot */
	__u64 last_seen;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct source);
	__type(value, struct traffic);
} sources SEC(".maps");

/* Packets that one source may send. */
const volatile __u64 limit = 400;

/* Packets of sources that sent more. */
__u64 dropped;

/* Packets of sources that found the table full. */
__u64 untracked;

static int read_source(struct xdp_md *ctx, struct source *source)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;

	if ((void *)(eth + 1) > data_end)
		return -1;

	if (eth->h_proto == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = (void *)(eth + 1);

		if ((void *)(ip + 1) > data_end)
			return -1;
		source->family = IPV4;
		source->address[10] = 0xff;
		source->address[11] = 0xff;
		__builtin_memcpy(&source->address[12], &ip->saddr, 4);
		return 0;
	}
	if (eth->h_proto == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip6 = (void *)(eth + 1);

		if ((void *)(ip6 + 1) > data_end)
			return -1;
		source->family = IPV6;
		__builtin_memcpy(source->address, &ip6->saddr, 16);
		return 0;
	}
	return -1;
}

SEC("xdp")
int per_source(struct xdp_md *ctx)
{
	struct source source = {};
	struct traffic *seen;
	__u64 bytes = ctx->data_end - ctx->data;
	__u64 now = bpf_ktime_get_ns();

	if (read_source(ctx, &source))
		return XDP_PASS;

	seen = bpf_map_lookup_elem(&sources, &source);
	if (!seen) {
		struct traffic none = { .first_seen = now };

		/* Another CPU may have been first: then its entry is used. */
		bpf_map_update_elem(&sources, &source, &none, BPF_NOEXIST);
		seen = bpf_map_lookup_elem(&sources, &source);
		if (!seen) {
			__sync_fetch_and_add(&untracked, 1);
			return XDP_PASS;
		}
	}

	seen->last_seen = now;
	__sync_fetch_and_add(&seen->bytes, bytes);
	if (__sync_fetch_and_add(&seen->packets, 1) >= limit) {
		__sync_fetch_and_add(&dropped, 1);
		return XDP_DROP;
	}
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
