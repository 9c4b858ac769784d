/* The decision of steer: where a SYN that reached the netns of a pod belongs. Pure; the program
 * around it looks addresses, passports and listeners up.
 * SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
 */
#pragma once

#include "bpf/include/culvert_abi.h"
#include "bpf/lib/address.h"

/* What sk_lookup tells of a SYN. `local` is the destination, `remote` the source. */
struct steer_syn {
	struct culvert_ip local;
	struct culvert_ip remote;
	__u16 local_port;  /* host order */
	__u16 remote_port; /* host order */
	bool from_lo;	   /* the ingress interface is loopback */
};

/* Ports that only steering may lead to: a direct connection there has no original destination. */
static inline bool steer_is_capture_port(__u16 port)
{
	return port == CULVERT_PORT_OUTBOUND || port == CULVERT_PORT_INBOUND;
}

/* steer_verdict classifies in the one order that works (redirection correction 2): never by "the
 * interface is lo" alone, because a connection to the pod's own address through the local table is
 * reported with the interface that owns the address. INBOUND is still subject to a passport. */
static inline enum culvert_verdict steer_verdict(const struct culvert_pod *pod,
						 const struct steer_syn *syn)
{
	if (ip_equal(&syn->remote, &syn->local)) {
		/* ztunnel's tunnel from a pod to itself; explicit, because after an agent's restart
		 * the plain lookup would choose between the fresh listener and the draining one. */
		if (syn->local_port == CULVERT_PORT_HBONE)
			return CULVERT_VERDICT_STEER_HBONE;
		return steer_is_capture_port(syn->local_port) ? CULVERT_VERDICT_STEER_MESH_PORT
							      : CULVERT_VERDICT_STEER_SELF;
	}
	if (syn->from_lo && ip_is_loopback(&syn->local))
		return steer_is_capture_port(syn->local_port) ? CULVERT_VERDICT_STEER_MESH_PORT
							      : CULVERT_VERDICT_STEER_LOOPBACK;
	/* A link-local address counts as the pod's own: from a neighbour it is inbound traffic. */
	if (!pod_has_ip(pod, &syn->local) && !ip_is_link_local(&syn->local))
		return CULVERT_VERDICT_STEER_OUTBOUND;
	if (syn->from_lo) {
		if (steer_is_capture_port(syn->local_port) || syn->local_port == CULVERT_PORT_HBONE)
			return CULVERT_VERDICT_STEER_MESH_PORT;
		return CULVERT_VERDICT_STEER_DELIVERY;
	}
	return syn->local_port == CULVERT_PORT_HBONE ? CULVERT_VERDICT_STEER_HBONE
						     : CULVERT_VERDICT_STEER_INBOUND;
}

/* steer_passport_admits tells whether a passport issued at `issued_ns` lets this SYN pass now. The
 * ports of the mesh are never the application's, so no passport opens them. */
static inline bool steer_passport_admits(enum culvert_verdict verdict, const struct steer_syn *syn,
					 __u64 issued_ns, __u64 now_ns)
{
	return verdict == CULVERT_VERDICT_STEER_INBOUND &&
	       !steer_is_capture_port(syn->local_port) &&
	       now_ns - issued_ns < CULVERT_PASSPORT_LIFE_NS;
}

/* The slot that a STEER verdict leads to, and the verdict when that slot is empty. */
static inline enum culvert_role steer_role(enum culvert_verdict verdict)
{
	if (verdict == CULVERT_VERDICT_STEER_OUTBOUND)
		return CULVERT_ROLE_OUTBOUND;
	return verdict == CULVERT_VERDICT_STEER_HBONE ? CULVERT_ROLE_HBONE : CULVERT_ROLE_INBOUND;
}

static inline enum culvert_verdict steer_empty_slot(enum culvert_role role)
{
	if (role == CULVERT_ROLE_OUTBOUND)
		return CULVERT_VERDICT_STEER_NO_OUTBOUND_LISTENER;
	return role == CULVERT_ROLE_HBONE ? CULVERT_VERDICT_STEER_NO_HBONE_LISTENER
					  : CULVERT_VERDICT_STEER_NO_INBOUND_LISTENER;
}
