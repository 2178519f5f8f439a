// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// Relocations of types and of enumerators: ids, existence, size, match, value.
// One program a case.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

struct point {
	int x;
	int y;
};
struct point___other {
	long z;
};
struct point___tall {
	int y;
};
struct rec {
	int first;
};
struct absent {
	int x;
};
enum color___few { COLOR_RED___f };
union choice {
	int number;
};
struct choice___struct {
	int number;
};
typedef struct point point_t;
typedef int number_t;
typedef int absent_t;
typedef int (*callback_t)(struct point *, long);
typedef int (*callback_t___short)(struct point *);
typedef int (*callback_t___same)(struct point *, int);
typedef int (*callback_t___part)(struct point___tall *, int);
typedef int (*callback_t___wrong)(struct choice___struct *, int);
typedef long *(*chain_t)(int[4]);
typedef int *(*chain_t___same)(int *);
typedef struct point *pointer_t;
typedef struct absent *pointer_t___wrong;
struct later;
union later___union;
typedef void (*deep_t)(void (*)(struct point, enum color___few *), struct later *);
typedef void (*deep_t___wrong)(void (*)(struct point, enum color___few *), union later___union *);
typedef void (*deep_t___void)(void *, struct later *);
typedef _Bool bool_t;
typedef const volatile int *const qualified_t;
typedef unsigned int unsigned_t;
typedef float real_t;
typedef int row_t[4];
typedef int row_t___long[5];
struct node {
	struct node *next;
	struct declared *pointer;
	const int value;
	enum { ONE, TWO } state;
	callback_t call;
	struct {
		int inside;
	};
};
struct node___less {
	enum { ONE___x, TWO___x } state;
};
struct node___sign {
	unsigned int value;
};
struct node___size {
	long value;
};
struct node___row {
	int row[3];
};
struct node___row4 {
	int row[4];
};
struct node___union_ptr {
	union node___union *next;
};
struct node___inner {
	struct point at;
};
struct node___inner_bad {
	struct point___tall_bad {
		int z;
	} at;
};
struct declared;
struct only_declared;
struct wrap_declared {
	struct only_declared *p;
};
enum color { COLOR_RED, COLOR_GREEN = 5, COLOR_GONE = 9 };
enum color___new { COLOR_BLUE___flavor = 1 };
enum big { BIG_LOW = 1, BIG_HIGH = 0x123456789abcULL };
enum sign { MINUS = -3 };
enum upper { UPPER = 0x80000000U };
enum becomes_big { SMALL = 2 };
enum absent_enum { NOTHING = 4 };
enum fewer { F1, F2 };
enum more { M1, M2, M3 };
typedef enum color color_t;
typedef enum { ANON_A = 3, ANON_B } anon_t;

char LICENSE[] SEC("license") = "GPL";

#define TYPE(name, type)                                                    \
	SEC("socket") long exists_##name(void *c) { return bpf_core_type_exists(type); } \
	SEC("socket") long size_##name(void *c) { return bpf_core_type_size(type); } \
	SEC("socket") long matches_##name(void *c)                          \
	{                                                                   \
		return __builtin_preserve_type_info(*(typeof(type) *)0, 2); \
	}                                                                   \
	SEC("socket") long local_##name(void *c) { return bpf_core_type_id_local(type); } \
	SEC("socket") long target_##name(void *c) { return bpf_core_type_id_kernel(type); }
#define VALUE(type, value)                                                  \
	SEC("socket") long has_##value(void *c) { return bpf_core_enum_value_exists(type, value); } \
	SEC("socket") long value_##value(void *c) { return bpf_core_enum_value(type, value); }

TYPE(point, struct point)
TYPE(point_other, struct point___other)
TYPE(point_tall, struct point___tall)
TYPE(absent, struct absent)
TYPE(union_choice, union choice)
TYPE(struct_choice, struct choice___struct)
TYPE(point_t, point_t)
TYPE(number_t, number_t)
TYPE(absent_t, absent_t)
TYPE(callback_t, callback_t)
TYPE(callback_t_short, callback_t___short)
TYPE(callback_t_same, callback_t___same)
TYPE(callback_t_part, callback_t___part)
TYPE(callback_t_wrong, callback_t___wrong)
TYPE(chain_t, chain_t)
TYPE(chain_t_same, chain_t___same)
TYPE(pointer_t, pointer_t)
TYPE(pointer_t_wrong, pointer_t___wrong)
TYPE(deep_t, deep_t)
TYPE(deep_t_wrong, deep_t___wrong)
TYPE(deep_t_void, deep_t___void)
TYPE(bool_t, bool_t)
TYPE(qualified_t, qualified_t)
TYPE(unsigned_t, unsigned_t)
TYPE(real_t, real_t)
TYPE(row_t, row_t)
TYPE(row_t_long, row_t___long)
TYPE(node, struct node)
TYPE(node_less, struct node___less)
TYPE(node_sign, struct node___sign)
TYPE(node_size, struct node___size)
TYPE(node_row, struct node___row)
TYPE(node_row4, struct node___row4)
TYPE(node_union_ptr, struct node___union_ptr)
TYPE(node_inner, struct node___inner)
TYPE(node_inner_bad, struct node___inner_bad)
TYPE(wrap_declared, struct wrap_declared)
TYPE(color, enum color)
TYPE(big, enum big)
TYPE(fewer, enum fewer)
TYPE(more, enum more)
TYPE(becomes_big, enum becomes_big)
VALUE(enum color, COLOR_RED)
VALUE(enum color, COLOR_GREEN)
VALUE(enum color, COLOR_GONE)
VALUE(enum color___new, COLOR_BLUE___flavor)
VALUE(enum big, BIG_LOW)
VALUE(enum big, BIG_HIGH)
VALUE(enum sign, MINUS)
VALUE(enum upper, UPPER)
VALUE(enum becomes_big, SMALL)
VALUE(enum absent_enum, NOTHING)
VALUE(anon_t, ANON_B)
