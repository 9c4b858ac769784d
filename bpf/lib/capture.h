/* The decision of capture: what happens to a connect() of an enrolled pod. Pure; the program around
 * it looks the pod up and sets the options.
 * SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
 */
#pragma once

#include "bpf/include/culvert_abi.h"
#include "bpf/lib/address.h"

#define CULVERT_IPPROTO_TCP 6u
#define CULVERT_IPPROTO_MPTCP 262u

/* capture_verdict decides for a socket of `protocol` in the netns of `pod` that connects to
 * `target`. `is_daemon` is whether the calling process is in a daemon's cgroup: a mark proves
 * nothing, since CAP_NET_RAW suffices to set it. */
static inline enum culvert_verdict capture_verdict(const struct culvert_pod *pod, bool is_daemon,
						   __u32 protocol, const struct culvert_ip *target)
{
	if (protocol != CULVERT_IPPROTO_TCP && protocol != CULVERT_IPPROTO_MPTCP)
		return CULVERT_VERDICT_CAPTURE_NOT_TCP;
	if (is_daemon)
		return CULVERT_VERDICT_CAPTURE_DAEMON;
	if (ip_is_loopback(target))
		return CULVERT_VERDICT_CAPTURE_LOOPBACK;
	if (ip_is_link_local(target))
		return CULVERT_VERDICT_CAPTURE_LINK_LOCAL;
	if (ip_is_multicast(target))
		return CULVERT_VERDICT_CAPTURE_MULTICAST;
	if (pod_has_ip(pod, target))
		return CULVERT_VERDICT_CAPTURE_OWN_ADDRESS;
	return CULVERT_VERDICT_CAPTURE_CAPTURED;
}

/* capture_mark gives the mark that the socket leaves with. The application's own bits stay (a
 * VPN's, say); ours are taken from whoever forged them, also where the connection is not captured.
 */
static inline __u32 capture_mark(__u32 mark, enum culvert_verdict verdict)
{
	if (verdict == CULVERT_VERDICT_CAPTURE_DAEMON || verdict == CULVERT_VERDICT_CAPTURE_NOT_TCP)
		return mark;
	mark &= ~CULVERT_MARK_MASK;
	return verdict == CULVERT_VERDICT_CAPTURE_CAPTURED ? mark | CULVERT_MARK_OUTBOUND : mark;
}
