/* The type of the two maps that hold pods by netns cookie. They are two, because un-enrolment ends
 * the capture of new connects long before it ends the steering of what was captured.
 * SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
 */
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/include/culvert_abi.h"

#define CULVERT_POD_MAP(name)                                                                      \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_HASH);                                                   \
		__uint(max_entries, CULVERT_PODS_MAX);                                             \
		__type(key, __u64);                                                                \
		__type(value, struct culvert_pod);                                                 \
	} name SEC(".maps")
