// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// Tests: the helpers that ask the world outside: time, randomness, the CPU.
// A run returns 2 if time does not run backwards, else 1. What it leaves in
// "answers" differs from run to run on Linux.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__u64 ktime;
	__u64 ktime_again;
	__u64 boot;
	__u32 random;
	__u32 random_again;
	__u32 cpu;
} answers;

SEC("xdp")
int ask(struct xdp_md *ctx)
{
	answers.ktime = bpf_ktime_get_ns();
	answers.random = bpf_get_prandom_u32();
	answers.random_again = bpf_get_prandom_u32();
	answers.boot = bpf_ktime_get_boot_ns();
	answers.cpu = bpf_get_smp_processor_id();
	answers.ktime_again = bpf_ktime_get_ns();
	return answers.ktime_again >= answers.ktime ? XDP_PASS : XDP_DROP;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
