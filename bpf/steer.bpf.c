/* steer: sk_lookup in the netns of a pod. Gives each new connection to ztunnel's listener or leaves
 * it to the application. One instance per netns, because sk_lookup can't ask for the netns cookie.
 * SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
 */
#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bpf/lib/context.h"
#include "bpf/lib/passport_map.h"
#include "bpf/lib/pod_map.h"
#include "bpf/lib/steer.h"
#include "bpf/lib/verdict.h"

#define AF_INET 2
#define IPPROTO_TCP 6
#define LOOPBACK_IFINDEX 1 /* in every netns, include/net/flow.h */

const volatile __u64 netns_cookie = 0;

CULVERT_POD_MAP(steered);

struct {
	__uint(type, BPF_MAP_TYPE_SOCKHASH);
	__uint(max_entries, CULVERT_PODS_MAX *CULVERT_ROLE_COUNT);
	__type(key, struct culvert_slot);
	__type(value, __u64);
} listeners SEC(".maps");

static __always_inline void read_syn(struct bpf_sk_lookup *ctx, struct steer_syn *syn)
{
	if (CTX_READ(ctx->family) == AF_INET) {
		syn->local = ip_from_v4(CTX_READ(ctx->local_ip4));
		syn->remote = ip_from_v4(CTX_READ(ctx->remote_ip4));
	} else {
		syn->local = ip_from_v6(CTX_READ(ctx->local_ip6[0]), CTX_READ(ctx->local_ip6[1]),
					CTX_READ(ctx->local_ip6[2]), CTX_READ(ctx->local_ip6[3]));
		syn->remote =
			ip_from_v6(CTX_READ(ctx->remote_ip6[0]), CTX_READ(ctx->remote_ip6[1]),
				   CTX_READ(ctx->remote_ip6[2]), CTX_READ(ctx->remote_ip6[3]));
	}
	syn->local_port = ctx->local_port;
	syn->remote_port = bpf_ntohs(ctx->remote_port);
	syn->from_lo = ctx->ingress_ifindex == LOOPBACK_IFINDEX;
}

static __always_inline bool passport_held(enum culvert_verdict verdict, const struct steer_syn *syn)
{
	struct culvert_passport key = {
		.client = syn->remote,
		.server = syn->local,
		.client_port = syn->remote_port,
		.server_port = syn->local_port,
	};
	__u64 *issued = bpf_map_lookup_elem(&passports, &key);

	return issued && steer_passport_admits(verdict, syn, *issued, bpf_ktime_get_ns());
}

/* NO_REUSEPORT: else any root process of the pod could join the port's group and take a share of
 * what is steered, and so would the draining listener of an agent's former life. REPLACE: an
 * earlier program's choice does not stand. */
static __always_inline int assign(struct bpf_sk_lookup *ctx, enum culvert_verdict verdict)
{
	struct culvert_slot slot = {.netns_cookie = netns_cookie, .role = steer_role(verdict)};
	struct bpf_sock *listener = bpf_map_lookup_elem(&listeners, &slot);
	long refused;

	if (!listener)
		return verdict_deny(steer_empty_slot(slot.role));
	refused = bpf_sk_assign(ctx, listener,
				BPF_SK_LOOKUP_F_REPLACE | BPF_SK_LOOKUP_F_NO_REUSEPORT);
	bpf_sk_release(listener);
	return refused ? verdict_deny(CULVERT_VERDICT_STEER_ASSIGN_REFUSED)
		       : verdict_allow(verdict);
}

SEC("sk_lookup")
int steer(struct bpf_sk_lookup *ctx)
{
	__u64 cookie = netns_cookie;
	enum culvert_verdict verdict;
	struct culvert_pod *pod;
	struct steer_syn syn;

	if (ctx->protocol != IPPROTO_TCP)
		return verdict_allow(CULVERT_VERDICT_STEER_NOT_TCP);
	pod = bpf_map_lookup_elem(&steered, &cookie);
	if (!pod)
		return verdict_deny(CULVERT_VERDICT_STEER_UNCONFIGURED);
	read_syn(ctx, &syn);
	verdict = steer_verdict(pod, &syn);

	switch (verdict) {
	case CULVERT_VERDICT_STEER_SELF:
	case CULVERT_VERDICT_STEER_LOOPBACK:
	case CULVERT_VERDICT_STEER_DELIVERY:
		return verdict_allow(verdict);
	case CULVERT_VERDICT_STEER_OUTBOUND:
	case CULVERT_VERDICT_STEER_INBOUND:
	case CULVERT_VERDICT_STEER_HBONE:
		if (passport_held(verdict, &syn))
			return verdict_allow(CULVERT_VERDICT_STEER_PASSPORT);
		return assign(ctx, verdict);
	default:
		return verdict_deny(verdict);
	}
}

/* Dual-licensed; the kernel has no name for the Apache half, and the helpers need the GPL one. */
char LICENSE[] SEC("license") = "GPL";
