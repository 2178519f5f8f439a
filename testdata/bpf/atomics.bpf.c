// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// Tests: every atomic operation in both widths: add, or, and, xor, each with
// and without the old value, exchange, and compare-and-exchange that hits and
// that misses. "wide" and "narrow" end the same on every machine.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__u64 cell, added, ored, anded, xored, exchanged, hit, missed;
} wide = { .cell = 0xfffffffffffffff0ULL };

struct {
	__u32 cell, added, ored, anded, xored, exchanged, hit, missed;
	__u32 guard;
} narrow = { .cell = 0xfffffff0, .guard = 0x5a5a5a5a };

#define ALL(s, type)                                                    \
	do {                                                            \
		__sync_fetch_and_add(&(s).cell, 3);                     \
		__sync_fetch_and_or(&(s).cell, 0x100);                  \
		__sync_fetch_and_and(&(s).cell, ~(type)0x10);           \
		__sync_fetch_and_xor(&(s).cell, 0x22);                  \
		(s).added = __sync_fetch_and_add(&(s).cell, 0x7f);      \
		(s).ored = __sync_fetch_and_or(&(s).cell, 0x8000);      \
		(s).anded = __sync_fetch_and_and(&(s).cell, ~(type)0xf0); \
		(s).xored = __sync_fetch_and_xor(&(s).cell, 0x0f0f);    \
		(s).exchanged = __sync_lock_test_and_set(&(s).cell, 77); \
		(s).hit = __sync_val_compare_and_swap(&(s).cell, 77, 78); \
		(s).missed = __sync_val_compare_and_swap(&(s).cell, 77, 79); \
	} while (0)

SEC("xdp")
int all(struct xdp_md *ctx)
{
	ALL(wide, __u64);
	ALL(narrow, __u32);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
