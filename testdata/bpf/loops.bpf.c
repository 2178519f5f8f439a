// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// Tests: loops that end: over the packet's bytes with a check for each, and
// nested ones over a stack array that fills the stack's 512 bytes but for a
// few.
// A run of "sum" adds up the packet's first 256 bytes in "total"; "sieve"
// leaves the number of primes under 400 (78) there. Both return XDP_PASS.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u64 total;

SEC("xdp")
int sum(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data;
	__u8 *data_end = (void *)(long)ctx->data_end;
	__u64 added = 0;

	for (int i = 0; i < 256; i++) {
		if (data + i + 1 > data_end)
			break;
		added += data[i];
	}
	total = added;
	return XDP_PASS;
}

SEC("xdp")
int sieve(struct xdp_md *ctx)
{
	volatile __u8 composite[400];
	__u64 primes = 0;

	for (int i = 0; i < 400; i++)
		composite[i] = 0;
	for (int i = 2; i < 20; i++)
		for (int j = i * i; j < 400; j += i)
			composite[j] = 1;
	for (int i = 2; i < 400; i++)
		primes += !composite[i];
	total = primes;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
