// SPDX-License-Identifier: Apache-2.0 OR MIT
// build: -mcpu=v4
// Tests: the instructions of version 4 (signed division, sign-extending moves
// and loads, byte swaps, the long jump) and the corners of the old ones:
// division by zero, shifts past the width, 32-bit wrap-around.
// The operands come from .data, so that the compiler cannot do it itself.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

volatile struct {
	__s64 minus, seven, zero, least, minus_one;
	__u64 big;
	__s32 minus32, least32;
	__s16 minus16;
	__s8 minus8;
	__u32 shift;
} in = {
	.minus = -45,
	.seven = 7,
	.least = (-0x7fffffffffffffffLL - 1),
	.minus_one = -1,
	.big = 0x1122334455667788ULL,
	.minus32 = -45,
	.least32 = (-0x7fffffff - 1),
	.minus16 = -300,
	.minus8 = -3,
	.shift = 35,
};

__u64 out[24];

/* What the C language leaves undefined, the instruction set does not. */
#define REG(op, left, right)                                               \
	({                                                              \
		__u64 to = (left), from = (right);                      \
		asm volatile("%[to] " op " %[from]" : [to] "+r"(to) : [from] "r"(from)); \
		to;                                                     \
	})
#define REG32(op, left, right)                                             \
	({                                                              \
		__u32 to = (left), from = (right);                      \
		asm volatile("%[to] " op " %[from]" : [to] "+w"(to) : [from] "w"(from)); \
		to;                                                     \
	})

SEC("xdp")
int compute(struct xdp_md *ctx)
{
	out[0] = in.minus / in.seven;
	out[1] = in.minus % in.seven;
	out[2] = (__s64)(in.minus32 / (__s32)in.seven);
	out[3] = (__s64)(in.minus32 % (__s32)in.seven);
	out[4] = REG("/=", in.big, in.zero);
	out[5] = REG("%%=", in.big, in.zero);
	out[6] = REG("s/=", in.minus, in.zero);
	out[7] = REG("s%%=", in.minus, in.zero);
	out[8] = REG("s/=", in.least, in.minus_one);
	out[9] = REG("s%%=", in.least, in.minus_one);
	out[10] = REG32("/=", in.big, in.zero);
	out[11] = REG32("%%=", in.big, in.zero);
	out[12] = REG32("s/=", in.least32, in.minus_one);
	out[13] = REG32("s%%=", in.least32, in.minus_one);
	out[14] = REG("<<=", in.big, 67);
	out[15] = REG32("<<=", in.big, in.shift);
	out[16] = REG("s>>=", in.minus, 65);
	out[17] = REG32("s>>=", in.minus32, in.shift);
	out[18] = in.minus16;
	out[19] = in.minus8;
	out[20] = __builtin_bswap16(in.big) + ((__u64)__builtin_bswap32(in.big) << 16);
	out[21] = __builtin_bswap64(in.big);
	out[22] = (__s32)in.big * (__s64)in.minus32;
	out[23] = REG32("*=", in.big, in.big);
	asm volatile goto("gotol %l[far]" ::::far);
	return XDP_ABORTED;
far:
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
