/* Addresses of both families in one 16-byte form, and the classes that the mesh leaves alone. Pure,
 * so that it is unit-tested natively; IPv4 and IPv6 share every line after ip_from_v4().
 * SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
 */
#pragma once

#include "bpf/include/culvert_abi.h"

/* <bpf/bpf_endian.h> would do, but this text is also compiled as C++ outside the one room that may
 * include libbpf. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define CULVERT_BE32(value) __builtin_bswap32(value)
#else
#define CULVERT_BE32(value) (value)
#endif

static inline struct culvert_ip ip_from_v4(__be32 address)
{
	struct culvert_ip ip = {{0, 0, CULVERT_BE32(0xffffu), address}};
	return ip;
}

static inline struct culvert_ip ip_from_v6(__be32 w0, __be32 w1, __be32 w2, __be32 w3)
{
	struct culvert_ip ip = {{w0, w1, w2, w3}};
	return ip;
}

static inline bool ip_is_v4(const struct culvert_ip *ip)
{
	return ip->words[0] == 0 && ip->words[1] == 0 && ip->words[2] == CULVERT_BE32(0xffffu);
}

static inline bool ip_equal(const struct culvert_ip *a, const struct culvert_ip *b)
{
	return a->words[0] == b->words[0] && a->words[1] == b->words[1] &&
	       a->words[2] == b->words[2] && a->words[3] == b->words[3];
}

/* 127/8, ::1, and the unspecified address, which connect() takes for loopback. */
static inline bool ip_is_loopback(const struct culvert_ip *ip)
{
	__u32 last = CULVERT_BE32(ip->words[3]);

	if (ip_is_v4(ip))
		return last >> 24 == 127 || last == 0;
	return ip->words[0] == 0 && ip->words[1] == 0 && ip->words[2] == 0 && last <= 1;
}

/* 169.254/16 and fe80::/10 */
static inline bool ip_is_link_local(const struct culvert_ip *ip)
{
	if (ip_is_v4(ip))
		return CULVERT_BE32(ip->words[3]) >> 16 == 0xa9fe;
	return (CULVERT_BE32(ip->words[0]) & 0xffc00000u) == 0xfe800000u;
}

/* 224/4 and ff00::/8 */
static inline bool ip_is_multicast(const struct culvert_ip *ip)
{
	if (ip_is_v4(ip))
		return CULVERT_BE32(ip->words[3]) >> 28 == 0xe;
	return CULVERT_BE32(ip->words[0]) >> 24 == 0xff;
}

static inline bool pod_has_ip(const struct culvert_pod *pod, const struct culvert_ip *ip)
{
	for (__u32 i = 0; i < CULVERT_POD_IPS_MAX; i++) {
		if (i >= pod->ip_count)
			return false;
		if (ip_equal(&pod->ips[i], ip))
			return true;
	}
	return false;
}
