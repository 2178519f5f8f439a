// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// Tests: global variables in .rodata, .data and .bss, read and written, of
// several widths, also static ones (relocated by section and offset), arrays,
// structs, and sections with names of their own.
// A first run of a packet of N bytes returns 2 and leaves: runs 1, total 1000
// + N, last {N, first byte}, hits[N & 7] 1, secret 43, own 8.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct shape {
	__u32 length;
	__u8 first;
};

const volatile __u32 verdict = XDP_PASS;
static const volatile __u64 step = 1;
const volatile char title[16] = "globals";

__u64 total = 1000;
static volatile __u32 secret = 42;
struct shape last = { .length = 7, .first = 0xee };

__u64 runs;
static volatile __u16 hits[8];

__u64 own SEC(".data.own") = 7;
const volatile __u64 fixed SEC(".rodata.fixed") = 1;

SEC("xdp")
int touch(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data;
	__u8 *data_end = (void *)(long)ctx->data_end;
	__u32 length = data_end - data;

	if (data + 1 > data_end)
		return XDP_ABORTED;
	runs += step;
	total += length;
	secret += step;
	last.length = length;
	last.first = data[0];
	hits[length & 7] += 1;
	own += fixed;
	if (title[0] != 'g')
		return XDP_ABORTED;
	return verdict;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
