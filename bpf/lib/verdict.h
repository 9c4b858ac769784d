/* Verdicts: the only way out of a program. Each is counted, per CPU, before it takes effect.
 * SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
 */
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/include/culvert_abi.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, CULVERT_VERDICT_COUNT);
	__type(key, __u32);
	__type(value, __u64);
} verdicts SEC(".maps");

static __always_inline void verdict_count(enum culvert_verdict verdict)
{
	__u32 index = verdict;
	__u64 *count = bpf_map_lookup_elem(&verdicts, &index);

	if (count)
		*count += 1;
}

/* The kernel's "go on" is 1 and its "stop" is 0 in all three kinds of program. */
static __always_inline int verdict_allow(enum culvert_verdict verdict)
{
	verdict_count(verdict);
	return 1;
}

static __always_inline int verdict_deny(enum culvert_verdict verdict)
{
	verdict_count(verdict);
	return 0;
}
