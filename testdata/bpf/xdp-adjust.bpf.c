// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// Tests: bpf_xdp_adjust_head, bpf_xdp_adjust_meta, bpf_xdp_adjust_tail, each in
// a program of its own, with answers in "answers".
//   grow_head   puts four bytes "HEAD" before the packet; returns XDP_TX
//   cut_head    takes the first 14 bytes off; returns XDP_PASS
//   too_far     asks for 1 MiB before the packet (-EINVAL) and for cutting it
//               away (-EINVAL); returns XDP_PASS, the packet is as before
//   meta        puts 8 bytes of metadata before the packet and reads them back;
//               asks for 6 more (-EACCES, no multiple of 4); returns XDP_PASS
//   grow_tail   adds 16 bytes behind (zeros) and writes the last; returns XDP_TX
//   cut_tail    cuts to 20 bytes; returns XDP_TX
//   tail_too_far  asks for 5000 bytes more (-EINVAL) and for cutting to 13 bytes
//               (-EINVAL, shorter than an Ethernet header); returns XDP_PASS

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__s64 answers[4];

#define START(ctx) ((__u8 *)(long)(ctx)->data)
#define END(ctx) ((__u8 *)(long)(ctx)->data_end)
#define META(ctx) ((__u8 *)(long)(ctx)->data_meta)

static __always_inline __s64 length_of(struct xdp_md *ctx)
{
	__s64 length = END(ctx) - START(ctx);

	/* Linux refuses 32-bit arithmetic on packet pointers. */
	asm volatile("" : "+r"(length));
	return length;
}

SEC("xdp")
int grow_head(struct xdp_md *ctx)
{
	__s64 before = length_of(ctx);

	answers[0] = bpf_xdp_adjust_head(ctx, -4);
	answers[1] = length_of(ctx) - before;
	if (START(ctx) + 4 > END(ctx))
		return XDP_ABORTED;
	__builtin_memcpy(START(ctx), "HEAD", 4);
	return XDP_TX;
}

SEC("xdp")
int cut_head(struct xdp_md *ctx)
{
	answers[0] = bpf_xdp_adjust_head(ctx, 14);
	return XDP_PASS;
}

SEC("xdp")
int too_far(struct xdp_md *ctx)
{
	answers[0] = bpf_xdp_adjust_head(ctx, -(1 << 20));
	answers[1] = bpf_xdp_adjust_head(ctx, length_of(ctx));
	return XDP_PASS;
}

SEC("xdp")
int meta(struct xdp_md *ctx)
{
	__u32 *words;

	answers[0] = bpf_xdp_adjust_meta(ctx, -8);
	words = (__u32 *)META(ctx);
	if ((__u8 *)(words + 2) > START(ctx))
		return XDP_ABORTED;
	words[0] = 0x11223344;
	words[1] = 0x55667788;
	answers[1] = *(volatile __u32 *)&words[1];
	answers[2] = START(ctx) - META(ctx);
	answers[3] = bpf_xdp_adjust_meta(ctx, -6);
	return XDP_PASS;
}

SEC("xdp")
int grow_tail(struct xdp_md *ctx)
{
	__s64 before = length_of(ctx);

	answers[0] = bpf_xdp_adjust_tail(ctx, 16);
	answers[1] = length_of(ctx) - before;
	if (START(ctx) + 80 > END(ctx))
		return XDP_ABORTED;
	START(ctx)[79] = 0xaa;
	return XDP_TX;
}

SEC("xdp")
int cut_tail(struct xdp_md *ctx)
{
	answers[0] = bpf_xdp_adjust_tail(ctx, 20 - length_of(ctx));
	answers[1] = length_of(ctx);
	return XDP_TX;
}

SEC("xdp")
int tail_too_far(struct xdp_md *ctx)
{
	answers[0] = bpf_xdp_adjust_tail(ctx, 5000);
	answers[1] = bpf_xdp_adjust_tail(ctx, 13 - length_of(ctx));
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
