// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// Relocations of fields: every kind, over plain and nested members, arrays,
// bit-fields, and fields that target.bpf.c has elsewhere, of another type, or
// not at all. One program a case, so that each is judged alone.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define CORE __attribute__((preserve_access_index))

struct point {
	int x;
	int y;
} CORE;

typedef struct point point_t;

struct rec {
	int first;
	long moved;
	short narrow;
	unsigned int grows;
	unsigned long shrinks;
	int signed_grows;
	char letter;
	void *pointer;
	struct {
		int in_struct;
		union {
			__u64 in_union;
			__u32 also;
		};
	};
	int was_flat;
	point_t at;
	const volatile point_t *to;
	struct point points[4];
	int matrix[3][5];
	__u32 low : 3;
	__u32 mid : 11;
	int negative : 5;
	__u64 wide : 40;
	__u8 flag : 1;
	float real;
	double bigger_real;
	enum { RED, GREEN } color;
	int gone;
	struct point turned;
	int became_pointer;
	struct missing_type *opaque;
	int trailing[];
} CORE;

struct rec___old {
	int before;
	int gone;
} CORE;

struct absent {
	int field;
} CORE;

union choice {
	int number;
	char text[16];
} CORE;

struct zero_end {
	int len;
	struct point items[0];
} CORE;

char LICENSE[] SEC("license") = "GPL";

#define LOAD(name, type, access)                                            \
	SEC("socket") long load_##name(struct type *r) { return (long)r->access; }
#define ADDRESS(name, type, access)                                         \
	SEC("socket") long address_##name(struct type *r)                   \
	{                                                                   \
		return (long)__builtin_preserve_access_index(&r->access);   \
	}
#define INFO(what, name, type, access)                                      \
	SEC("socket") long what##_##name(struct type *r)                    \
	{                                                                   \
		return __builtin_preserve_field_info(r->access, BPF_FIELD_##what); \
	}
#define STORE(name, type, access)                                           \
	SEC("socket") int store_##name(struct type *r)                      \
	{                                                                   \
		r->access = 7;                                              \
		return 0;                                                   \
	}                                                                   \
	SEC("socket") int storex_##name(struct type *r)                     \
	{                                                                   \
		r->access = (long)r;                                        \
		return 0;                                                   \
	}
#define ALL(name, type, access)                                             \
	ADDRESS(name, type, access)                                         \
	INFO(BYTE_SIZE, name, type, access)                                 \
	INFO(EXISTS, name, type, access)                                    \
	INFO(SIGNED, name, type, access)                                    \
	INFO(LSHIFT_U64, name, type, access)                                \
	INFO(RSHIFT_U64, name, type, access)
#define BITS(name, type, access)                                            \
	INFO(BYTE_OFFSET, name, type, access)                               \
	INFO(BYTE_SIZE, name, type, access)                                 \
	INFO(EXISTS, name, type, access)                                    \
	INFO(SIGNED, name, type, access)                                    \
	INFO(LSHIFT_U64, name, type, access)                                \
	INFO(RSHIFT_U64, name, type, access)
#define SOME(name, type, access)                                         \
	ADDRESS(name, type, access)                                         \
	INFO(BYTE_SIZE, name, type, access)                                 \
	INFO(EXISTS, name, type, access)

LOAD(first, rec, first)
LOAD(moved, rec, moved)
LOAD(narrow, rec, narrow)
LOAD(grows, rec, grows)
LOAD(shrinks, rec, shrinks)
LOAD(signed_grows, rec, signed_grows)
LOAD(letter, rec, letter)
LOAD(pointer, rec, pointer)
LOAD(in_struct, rec, in_struct)
LOAD(in_union, rec, in_union)
LOAD(also, rec, also)
LOAD(was_flat, rec, was_flat)
LOAD(at_y, rec, at.y)
LOAD(to_y, rec, to->y)
LOAD(points_2_y, rec, points[2].y)
LOAD(matrix_1_2, rec, matrix[1][2])
LOAD(color, rec, color)
LOAD(gone, rec, gone)
LOAD(gone_old, rec___old, gone)
LOAD(before_old, rec___old, before)
LOAD(turned, rec, turned.x)
LOAD(became_pointer, rec, became_pointer)
LOAD(trailing, rec, trailing[3])
LOAD(absent, absent, field)

SEC("socket") long load_choice(union choice *r) { return r->number; }
SEC("socket") long load_choice_text(union choice *r) { return r->text[9]; }


STORE(first, rec, first)
STORE(moved, rec, moved)
STORE(grows, rec, grows)
STORE(shrinks, rec, shrinks)
STORE(signed_grows, rec, signed_grows)
STORE(gone, rec, gone)
ALL(first, rec, first)
ALL(moved, rec, moved)
ALL(narrow, rec, narrow)
ALL(grows, rec, grows)
ALL(letter, rec, letter)
SOME(pointer, rec, pointer)
ALL(in_struct, rec, in_struct)
ALL(also, rec, also)
ALL(was_flat, rec, was_flat)
SOME(at, rec, at)
ALL(at_y, rec, at.y)
SOME(points, rec, points)
SOME(matrix, rec, matrix)
SOME(real, rec, real)
SOME(bigger_real, rec, bigger_real)
ALL(color, rec, color)
ALL(gone, rec, gone)
ALL(gone_old, rec___old, gone)
SOME(turned, rec, turned)
SOME(opaque, rec, opaque)
ALL(absent, absent, field)
ALL(points_1_x, rec, points[1].x)
SOME(points_3, rec, points[3])
SOME(matrix_2, rec, matrix[2])
SOME(matrix_2_4, rec, matrix[2][4])
SOME(trailing_9, rec, trailing[9])
SOME(item, zero_end, items[2])
SOME(item_x, zero_end, items[2].x)
BITS(low, rec, low)
BITS(mid, rec, mid)
BITS(negative, rec, negative)
BITS(wide, rec, wide)
BITS(flag, rec, flag)

// The root is an array of itself.
SEC("socket") long load_second(struct rec *r) { return r[1].moved; }
