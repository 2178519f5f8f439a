// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// Tests: subprograms in .text, static and global, that call one another, one
// that nobody calls, one with five arguments, and one given a pointer into its
// caller's stack.
// A run of a packet of N bytes stores in "results": N + 1, 15, 3, 40320.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct pair {
	__u64 a, b;
};

__u64 results[4];

static __noinline __u64 unused_one(__u64 x)
{
	return x * 3;
}

/* Keeps unused_one in the object: a global function nobody calls. */
__noinline int unused_two(int x)
{
	return unused_one(x) + 1;
}

static __noinline __u64 increment(__u64 x)
{
	asm volatile("" : "+r"(x));
	return x + 1;
}

static __noinline __u64 five(__u64 a, __u64 b, __u64 c, __u64 d, __u64 e)
{
	asm volatile("" : "+r"(a), "+r"(b));
	return a + b + c + d + e;
}

static __noinline void swap(struct pair *pair)
{
	__u64 a = pair->a;

	pair->a = pair->b;
	pair->b = increment(a);
}

__noinline int factorial(int n)
{
	int product = 1;

	for (int i = 2; i <= 8; i++)
		if (i <= n)
			product *= i;
	return product;
}

SEC("xdp")
int call(struct xdp_md *ctx)
{
	struct pair pair = { .a = 2, .b = 30 };

	results[0] = increment(ctx->data_end - ctx->data);
	results[1] = five(1, 2, 3, 4, 5);
	swap(&pair);
	results[2] = pair.b;
	results[3] = factorial(8);
	return pair.a == 30 ? XDP_PASS : XDP_ABORTED;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
