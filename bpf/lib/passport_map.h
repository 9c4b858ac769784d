/* `passports`: the handshakes of the kubelet that are under way; written by passport, read by
 * steer. SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
 */
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/include/culvert_abi.h"

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, CULVERT_PASSPORTS_MAX);
	__type(key, struct culvert_passport);
	__type(value, __u64);
} passports SEC(".maps");
