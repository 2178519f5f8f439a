// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// Relocations in functions that several programs call, and of what the target
// does not have, where a program cannot get to and where it can.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

struct point {
	int x;
	int y;
	int z;
} __attribute__((preserve_access_index));

enum color { COLOR_GREEN, COLOR_GONE = 9 };

char LICENSE[] SEC("license") = "GPL";

static __attribute__((noinline)) int offset_of_y(struct __sk_buff *skb)
{
	return (long)__builtin_preserve_access_index(&((struct point *)0)->y) + skb->len;
}

__attribute__((noinline)) int size_of_point(struct __sk_buff *skb)
{
	return bpf_core_type_size(struct point) + offset_of_y(skb);
}

SEC("socket") int first(struct __sk_buff *skb)
{
	return offset_of_y(skb) + bpf_core_field_size(((struct point *)0)->x);
}

SEC("socket") int second(struct __sk_buff *skb)
{
	return size_of_point(skb) + bpf_core_enum_value(enum color, COLOR_GREEN);
}

// Loads, since what is missing is behind a test for it.
SEC("socket") int guarded(struct __sk_buff *skb)
{
	int value = 1;

	if (bpf_core_field_exists(((struct point *)0)->z))
		value = (long)__builtin_preserve_access_index(&((struct point *)0)->z);
	if (bpf_core_enum_value_exists(enum color, COLOR_GONE))
		value += bpf_core_enum_value(enum color, COLOR_GONE);
	return value + offset_of_y(skb);
}

// Does not load.
SEC("socket") int unguarded(struct __sk_buff *skb)
{
	return skb->len + (long)__builtin_preserve_access_index(&((struct point *)0)->z);
}
