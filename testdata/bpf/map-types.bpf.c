// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// Tests: printing of keys and values by their types: nested and anonymous
// structs, a union, bit-fields, enums (signed and of 64 bits), bool, char and
// char arrays, arrays of arrays, typedefs, signed numbers, padding.
// A run stores one entry and returns XDP_PASS.

#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

enum colour { RED, GREEN = 5, BLUE };
enum change { LESS = -1, SAME, MORE };
enum huge { HUGE = 0x123456789abcdef0ULL };

typedef __u16 port_t;

struct flow {
	__be32 from, to;
	port_t from_port, to_port;
	enum colour colour;
};

struct report {
	struct flow inner;
	union {
		__u32 word;
		__u8 bytes[4];
	};
	struct {
		__u8 low : 3;
		__u8 middle : 2;
		__u8 high : 3;
		__s32 sign : 5;
		__u64 wide : 40;
	} bits;
	bool yes;
	char letter;
	char name[12];
	__u8 mac[6];
	__s16 table[2][3];
	enum change change;
	enum huge huge;
	__s8 small;
	__s64 big;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8);
	__type(key, struct flow);
	__type(value, struct report);
} reports SEC(".maps");

SEC("xdp")
int store(struct xdp_md *ctx)
{
	struct report report;
	struct flow flow;

	__builtin_memset(&flow, 0, sizeof(flow));
	__builtin_memset(&report, 0, sizeof(report));
	__builtin_memcpy(&flow.from, "\x0a\x07\x00\x0b", 4);
	__builtin_memcpy(&flow.to, "\x0a\x07\x00\x01", 4);
	flow.from_port = 40000;
	flow.to_port = 80;
	flow.colour = GREEN;
	report.inner = flow;
	report.inner.colour = 77;
	report.word = 0x04030201;
	report.bits.low = 5;
	report.bits.middle = 2;
	report.bits.high = 6;
	report.bits.sign = -7;
	report.bits.wide = 0x123456789aULL;
	report.yes = true;
	report.letter = 'q';
	__builtin_memcpy(report.name, "queen\0bee", 10);
	__builtin_memcpy(report.mac, "\x02\x00\x00\x00\x07\x01", 6);
	report.table[0][1] = -2;
	report.table[1][2] = 30000;
	report.change = LESS;
	report.huge = HUGE;
	report.small = -128;
	report.big = -1234567890123LL;
	bpf_map_update_elem(&reports, &flow, &report, BPF_ANY);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
