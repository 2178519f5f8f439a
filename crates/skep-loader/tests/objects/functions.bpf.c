// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// Tests: functions of every linkage (static, global, weak, hidden), one given
// to a helper as a callback, a program that is not loaded by itself, one in a
// section with a name of before libbpf 1.0, one in a section that tells no
// type, a variable that begins with an address, and a ring buffer whose size
// is no power of two.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u64 calls SEC(".bss.own");
__u64 chosen = 5;
const char *names[2] = { "abc", "defg" };
const volatile __u64 __hidden secret = 3;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, 3);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} pinned SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 5000);
} ring SEC(".maps");

static long callback(__u32 index, void *context)
{
	calls += index;
	return 0;
}

__hidden __noinline int hidden(int x)
{
	asm volatile("" : "+r"(x));
	return x * 3;
}

__weak __noinline int weak(int x)
{
	asm volatile("" : "+r"(x));
	return hidden(x) + 1;
}

static __noinline int only_here(int x)
{
	asm volatile("" : "+r"(x));
	return x - 1;
}

SEC("?xdp.frags")
int optional(struct xdp_md *ctx)
{
	bpf_loop(4, callback, 0, 0);
	return weak(chosen) + only_here(secret);
}

SEC("xdp_old")
int old(struct xdp_md *ctx)
{
	return hidden(chosen);
}

SEC("elsewhere")
int untyped(struct xdp_md *ctx)
{
	__u32 key = 0;
	void *record = bpf_ringbuf_reserve(&ring, 8, 0);

	if (record)
		bpf_ringbuf_discard(record, 0);
	bpf_loop(4, callback, 0, 0);
	return bpf_map_lookup_elem(&pinned, &key) && names[chosen & 1];
}

char LICENSE[] SEC("license") = "GPL";
