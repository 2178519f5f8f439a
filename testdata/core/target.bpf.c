// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// The types that the other objects here are adapted to; only its BTF counts.

typedef unsigned long long u64;

struct point {
	long pad;
	int y;
	int x;
};

typedef struct point point_t;

enum color { COLOR_RED = 1, COLOR_BLUE, COLOR_GREEN = 70 };

struct rec {
	char filler[3];
	long moved;
	struct {
		int first;
		union {
			struct {
				short narrow;
				u64 grows;
			};
			int decoy;
		};
	};
	unsigned int shrinks;
	long signed_grows;
	unsigned char letter;
	const char *pointer;
	int in_struct;
	union {
		struct {
			u64 pad;
			unsigned short in_union;
			unsigned int also;
		} named;
		struct {
			u64 in_union;
			char also;
		};
	};
	struct {
		struct {
			struct {
				volatile int was_flat;
			};
		};
	};
	point_t at;
	struct point *const to;
	point_t points[3];
	int matrix[4][7];
	unsigned char pad : 7;
	unsigned int low : 5;
	u64 mid : 40;
	u64 negative : 30;
	unsigned int wide;
	int flag : 2;
	double real;
	float bigger_real;
	enum palette { BLACK, WHITE } color;
	int turned;
	int *became_pointer;
	struct other_type *opaque;
	short trailing[];
};

struct zero_end___renamed {
	long len;
	point_t items[];
};

union choice {
	long number;
	char pad[40];
	short text[20];
};

typedef long number_t;
typedef int (*callback_t)(struct point *, int);
typedef int *(*chain_t)(int *);
typedef struct point *pointer_t;
struct later {
	int now;
};
typedef void (*deep_t)(void (*)(struct point, enum color *), struct later *);
typedef unsigned char bool_t;
typedef int *qualified_t;
typedef int unsigned_t;
typedef double real_t;
typedef int row_t[4];

struct declared {
	int x;
};
struct only_declared;
struct wrap_declared {
	struct only_declared *p;
};

struct node {
	int extra;
	struct {
		long inside;
	};
	struct node *next;
	struct declared *pointer;
	int value;
	enum { ONE, TWO, THREE } state;
	callback_t call;
	int row[4];
	struct point at;
};

enum big { BIG_LOW = -1LL, BIG_HIGH = 0x7edcba987654LL };
enum sign { MINUS = -70 };
enum upper { UPPER = 0x90000000U };
enum becomes_big { SMALL = 0xfedcba9876543210ULL };
enum fewer { F0, F1, F2, F3 };
enum more { M1, M2 };
typedef enum { ANON_B = 40 } anon_t;

struct twin___a {
	int same;
	int differs;
	int only_one;
};
struct twin___b {
	int same;
	long pad;
	int differs;
};
enum two___a { TWO_SAME = 10, TWO_DIFFERS = 20, TWO_ONLY = 30 };
enum two___b { TWO_SAME___b = 10, TWO_DIFFERS___b = 21 };

struct rec rec;
struct zero_end___renamed zero_end;
union choice choice;
number_t number;
callback_t callback;
chain_t chain;
pointer_t pointer;
deep_t deep;
bool_t is_true;
qualified_t qualified;
unsigned_t not_unsigned;
real_t real;
row_t row;
struct node node;
struct wrap_declared wrap;
enum color color;
enum big big;
enum sign sign;
enum upper upper;
enum becomes_big becomes_big;
enum fewer fewer;
enum more more;
anon_t anon;
struct twin___a twin_a;
struct twin___b twin_b;
enum two___a two_a;
enum two___b two_b;
