// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// Violations, which Linux refuses at load (EACCES): packet bytes used without
// a look at the packet's end. What the runs do depends on the length N:
//   read_beyond   reads byte 100: returns it when N > 100, else a violation
//   write_beyond  writes byte 100, likewise
//   one_past      checks for one byte too few: reads byte N, always a violation
//   before        reads the byte before the packet: always a violation

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int read_beyond(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data;

	return data[100];
}

SEC("xdp")
int write_beyond(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data;

	data[100] = 1;
	return XDP_PASS;
}

SEC("xdp")
int one_past(struct xdp_md *ctx)
{
	volatile __u8 *data_end = (void *)(long)ctx->data_end;

	return *data_end;
}

SEC("xdp")
int before(struct xdp_md *ctx)
{
	volatile __u8 *data = (void *)(long)ctx->data;

	return data[-1];
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
