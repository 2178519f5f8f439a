// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// Types of which target.bpf.c has several of one name, told apart by their
// flavours only: they agree on some fields and differ on others. Within a
// program the first access that fewer of them fit settles which count.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define CORE __attribute__((preserve_access_index))

struct twin {
	int same;
	int differs;
	int only_one;
} CORE;

enum two { TWO_SAME = 1, TWO_DIFFERS = 2, TWO_ONLY = 3 };

char LICENSE[] SEC("license") = "GPL";

SEC("socket") long same(struct twin *t) { return t->same; }
SEC("socket") long differs(struct twin *t) { return t->differs; }
SEC("socket") long only_one(struct twin *t) { return t->only_one; }
SEC("socket") long settled(struct twin *t) { return t->only_one + t->differs; }
SEC("socket") long not_settled(struct twin *t)
{
	long value = t->differs;

	asm volatile("" ::: "memory");
	return value + t->only_one;
}
SEC("socket") long exists(struct twin *t) { return bpf_core_field_exists(t->differs); }
SEC("socket") long size(void *c) { return bpf_core_type_size(struct twin); }
SEC("socket") long type_exists(void *c) { return bpf_core_type_exists(struct twin); }
SEC("socket") long type_id(void *c) { return bpf_core_type_id_kernel(struct twin); }
SEC("socket") long value_same(void *c) { return bpf_core_enum_value(enum two, TWO_SAME); }
SEC("socket") long value_differs(void *c) { return bpf_core_enum_value(enum two, TWO_DIFFERS); }
SEC("socket") long value_only(void *c) { return bpf_core_enum_value(enum two, TWO_ONLY); }
