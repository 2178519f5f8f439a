/* The types and code that flow.btf and flow.btf_ext were made from:
 *
 *   clang-19 -target bpfel -mcpu=v3 -O2 -g -ffile-prefix-map=$PWD=. -c flow.bpf.c -o flow.o
 *   llvm-objcopy-19 --dump-section .BTF=flow.btf \
 *       --dump-section .BTF.ext=flow.btf_ext flow.o /dev/null
 */
typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;

#define SEC(name) __attribute__((section(name), used))
#define __uint(name, val) int (*name)[val]
#define __type(name, val) typeof(val) *name

enum family { FAMILY_NONE, FAMILY_INET = 2, FAMILY_INET6 = 10 };
enum wide { WIDE_SMALL = -1LL, WIDE_LARGE = 0x123456789abLL };

struct flow_key {
	enum family family;
	union {
		__u32 ip4;
		__u8 ip6[16];
	};
	__u16 port;
	__u16 proto : 5, dir : 1, : 2, tag : 8;
};

struct __attribute__((packed)) squeezed {
	char kind;
	__u64 at;
};

struct flow {
	__u64 packets;
	volatile long long delta;
	_Bool seen;
	char comm[16];
	const struct flow_key *key;
	int (*hook)(struct flow *, const char *const *, ...);
	struct squeezed marks[2];
	enum wide wide;
	float ratio;
	double mean;
};

struct {
	__uint(type, 1);
	__uint(max_entries, 128);
	__type(key, struct flow_key);
	__type(value, struct flow);
} flows SEC(".maps");

const volatile __u32 limit = 7;
static volatile int counter = 3;
struct flow last_flow;

struct ctx {
	struct inner {
		int a;
		int b[4];
	} in;
} __attribute__((preserve_access_index));

static __attribute__((noinline)) int helper(struct ctx *ctx, int index)
{
	return ctx->in.b[2] + index;
}

SEC("xdp")
int first(struct ctx *ctx)
{
	counter += limit;
	return helper(ctx, counter);
}

SEC("tc")
int second(struct ctx *ctx)
{
	last_flow.packets += ctx->in.a;
	return 0;
}

char _license[] SEC("license") = "GPL";
