/* The one contract between the kernel programs and user space: keys, values, marks, ports, limits
 * and the names of verdicts. The same text is C23 for BPF and C++23 for the daemons; whatever both
 * sides must agree on is written here and nowhere else.
 * SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
 */
#pragma once

#include <linux/types.h>

/* Version of everything below; it names the directory of the pins. Any change of a layout, of a
 * map's shape or of an enumerator's value gets the next number. */
#define CULVERT_ABI_VERSION 1

/* Mark bits. In the upper byte, because the netns of a pod may hold marks of a VPN (WireGuard
 * 0xca6c, tailscale 0xff0000) or of Istio (0xfff); Kubernetes' own bits (0x4000, 0x8000) stay free
 * too. */
#define CULVERT_MARK_OUTBOUND 0x10000000u /* set by capture on the application's socket */
#define CULVERT_MARK_DELIVERY 0x20000000u /* set by ztunnel on its way to the application */
#define CULVERT_MARK_MASK (CULVERT_MARK_OUTBOUND | CULVERT_MARK_DELIVERY)

/* Routing in a pod's netns: both marks select this table, which holds `local default dev lo`. The
 * rules come after `local` (0), before what a CNI or a VPN adds. */
#define CULVERT_ROUTE_TABLE 15008u
#define CULVERT_RULE_PRIORITY_OUTBOUND 100u
#define CULVERT_RULE_PRIORITY_DELIVERY 101u

/* Listeners in the netns of a pod, the numbers of Istio's ztunnel. */
#define CULVERT_PORT_OUTBOUND 15001u
#define CULVERT_PORT_INBOUND 15006u
#define CULVERT_PORT_HBONE 15008u

/* Source ports of ztunnel's deliveries: below the kernel's ephemeral range (32768..60999), so that
 * no client that connects to the pod from the spoofed address picks the same one. */
#define CULVERT_DELIVERY_PORT_MIN 10000u
#define CULVERT_DELIVERY_PORT_MAX 32767u

#define CULVERT_PODS_MAX 2048u	     /* pods of one node; kubelet's own default is 110 */
#define CULVERT_POD_IPS_MAX 8u	     /* addresses of one pod, over all its interfaces */
#define CULVERT_DAEMONS_MAX 16u	     /* ztunnels: an upgrade's old and new, many times over */
#define CULVERT_PASSPORTS_MAX 16384u /* sockets of the kubelet; LRU, losing one fails one probe */

/* How long a passport is honoured after the SYN: covers the retransmissions after 1 and 3 s. */
#define CULVERT_PASSPORT_LIFE_NS 5000000000ull

/* An address of either family, in network order; IPv4 is v4-mapped (::ffff:a.b.c.d). */
struct culvert_ip {
	__be32 words[4];
};

/* Value of `pods` (the pod's connects are captured) and of `steered` (the pod's packets are
 * steered); the key of both is the cookie of the pod's netns, a __u64. */
struct culvert_pod {
	__u32 ip_count;
	__u32 pad;
	struct culvert_ip ips[CULVERT_POD_IPS_MAX];
};

enum culvert_role {
	CULVERT_ROLE_OUTBOUND = 0,
	CULVERT_ROLE_INBOUND = 1,
	CULVERT_ROLE_HBONE = 2,
	CULVERT_ROLE_COUNT = 3,
};

/* Key of `listeners`, the SOCKHASH of ztunnel's listening sockets. */
struct culvert_slot {
	__u64 netns_cookie;
	__u32 role; /* enum culvert_role */
	__u32 pad;
};

/* Key of `passports`; the value is a __u64, the CLOCK_MONOTONIC time of issue in nanoseconds. */
struct culvert_passport {
	struct culvert_ip client;
	struct culvert_ip server;
	__u16 client_port; /* host order */
	__u16 server_port; /* host order */
	__u32 pad;
};

/* What a program does with a connection at an exit. */
enum culvert_effect {
	CULVERT_EFFECT_PASS = 0,  /* goes on as if there were no mesh */
	CULVERT_EFFECT_STEER = 1, /* goes to ztunnel */
	CULVERT_EFFECT_DROP = 2,  /* fails */
};

/* Every exit of every program: X(PROGRAM, NAME, program, name, EFFECT). The order gives the index
 * in the per-CPU array `verdicts`. Why each is open or closed stands in bpf/README.md, which a test
 * compares. */
#define CULVERT_VERDICTS(X)                                                                        \
	X(CAPTURE, NOT_ENROLLED, capture, not_enrolled, PASS)                                      \
	X(CAPTURE, NOT_TCP, capture, not_tcp, PASS)                                                \
	X(CAPTURE, DAEMON, capture, daemon, PASS)                                                  \
	X(CAPTURE, LOOPBACK, capture, loopback, PASS)                                              \
	X(CAPTURE, LINK_LOCAL, capture, link_local, PASS)                                          \
	X(CAPTURE, MULTICAST, capture, multicast, PASS)                                            \
	X(CAPTURE, OWN_ADDRESS, capture, own_address, PASS)                                        \
	X(CAPTURE, CAPTURED, capture, captured, STEER)                                             \
	X(CAPTURE, MARK_REFUSED, capture, mark_refused, DROP)                                      \
	X(CAPTURE, DEVICE_REFUSED, capture, device_refused, DROP)                                  \
	X(STEER, NOT_TCP, steer, not_tcp, PASS)                                                    \
	X(STEER, UNCONFIGURED, steer, unconfigured, DROP)                                          \
	X(STEER, SELF, steer, self, PASS)                                                          \
	X(STEER, LOOPBACK, steer, loopback, PASS)                                                  \
	X(STEER, DELIVERY, steer, delivery, PASS)                                                  \
	X(STEER, PASSPORT, steer, passport, PASS)                                                  \
	X(STEER, MESH_PORT, steer, mesh_port, DROP)                                                \
	X(STEER, OUTBOUND, steer, outbound, STEER)                                                 \
	X(STEER, INBOUND, steer, inbound, STEER)                                                   \
	X(STEER, HBONE, steer, hbone, STEER)                                                       \
	X(STEER, NO_OUTBOUND_LISTENER, steer, no_outbound_listener, DROP)                          \
	X(STEER, NO_INBOUND_LISTENER, steer, no_inbound_listener, DROP)                            \
	X(STEER, NO_HBONE_LISTENER, steer, no_hbone_listener, DROP)                                \
	X(STEER, ASSIGN_REFUSED, steer, assign_refused, DROP)                                      \
	X(PASSPORT, ISSUED, passport, issued, PASS)                                                \
	X(PASSPORT, WITHDRAWN, passport, withdrawn, PASS)                                          \
	X(PASSPORT, NOT_ISSUED, passport, not_issued, PASS)                                        \
	X(PASSPORT, OTHER_EVENT, passport, other_event, PASS)

enum culvert_verdict {
#define CULVERT_VERDICT_ENUMERATOR(PROGRAM, NAME, program, name, EFFECT)                           \
	CULVERT_VERDICT_##PROGRAM##_##NAME,
	CULVERT_VERDICTS(CULVERT_VERDICT_ENUMERATOR)
#undef CULVERT_VERDICT_ENUMERATOR
		CULVERT_VERDICT_COUNT
};

static_assert(sizeof(struct culvert_ip) == 16, "an address is 16 bytes");
static_assert(sizeof(struct culvert_pod) == 8 + 16 * CULVERT_POD_IPS_MAX, "no hidden padding");
static_assert(sizeof(struct culvert_slot) == 16, "no hidden padding in a key");
static_assert(sizeof(struct culvert_passport) == 40, "no hidden padding in a key");
