// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// Tests: an object without a license section. The program needs no helper
// that is reserved to GPL-compatible ones, so it loads.
// A run returns XDP_PASS.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int pass(struct xdp_md *ctx)
{
	return XDP_PASS;
}
