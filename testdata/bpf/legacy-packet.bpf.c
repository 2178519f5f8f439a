// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// Tests: legacy packet access (LD_ABS and LD_IND of 1, 2 and 4 bytes), which
// reads in network order and leaves the program with 0 beyond the packet.
//   absolute    answers: the bytes, words at fixed offsets; returns 7
//   indirect    the same by an offset from the packet's first byte; returns 8
//   beyond      reads at offset 60000: the run ends there and returns 0, so
//               that answers[0] stays 1
//   negative    reads through SKF_NET_OFF and SKF_LL_OFF; returns 9

#include <linux/bpf.h>
#include <linux/filter.h>
#include <bpf/bpf_helpers.h>

unsigned long long load_byte(void *skb, unsigned long long at) asm("llvm.bpf.load.byte");
unsigned long long load_half(void *skb, unsigned long long at) asm("llvm.bpf.load.half");
unsigned long long load_word(void *skb, unsigned long long at) asm("llvm.bpf.load.word");

__u64 answers[4];

SEC("tc")
int absolute(struct __sk_buff *skb)
{
	answers[0] = load_byte(skb, 0);
	answers[1] = load_half(skb, 12);
	answers[2] = load_word(skb, 26);
	answers[3] = load_byte(skb, 23);
	return 7;
}

SEC("tc")
int indirect(struct __sk_buff *skb)
{
	__u64 at = load_byte(skb, 0) & 3;

	answers[0] = load_byte(skb, at);
	answers[1] = load_half(skb, at + 12);
	answers[2] = load_word(skb, at + 26);
	answers[3] = at;
	return 8;
}

SEC("tc")
int beyond(struct __sk_buff *skb)
{
	answers[0] = 1;
	answers[0] = load_word(skb, 60000) + 2;
	return 7;
}

SEC("tc")
int negative(struct __sk_buff *skb)
{
	answers[0] = load_byte(skb, (__u32)SKF_NET_OFF);
	answers[1] = load_half(skb, (__u32)SKF_LL_OFF + 12);
	return 9;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
