/* passport: sockops on the kubelet's cgroup. Writes the 4-tuple of each connection that the kubelet
 * begins, before its SYN leaves, so that steer lets its probes reach the application directly.
 * Sockets of other cgroups never run it; what they are is decided where it is attached.
 * SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
 */
#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bpf/lib/address.h"
#include "bpf/lib/context.h"
#include "bpf/lib/passport_map.h"
#include "bpf/lib/verdict.h"

#define AF_INET 2

static __always_inline struct culvert_passport passport_of(struct bpf_sock_ops *ctx)
{
	struct culvert_passport key = {};

	if (CTX_READ(ctx->family) == AF_INET) {
		key.client = ip_from_v4(CTX_READ(ctx->local_ip4));
		key.server = ip_from_v4(CTX_READ(ctx->remote_ip4));
	} else {
		key.client = ip_from_v6(CTX_READ(ctx->local_ip6[0]), CTX_READ(ctx->local_ip6[1]),
					CTX_READ(ctx->local_ip6[2]), CTX_READ(ctx->local_ip6[3]));
		key.server = ip_from_v6(CTX_READ(ctx->remote_ip6[0]), CTX_READ(ctx->remote_ip6[1]),
					CTX_READ(ctx->remote_ip6[2]), CTX_READ(ctx->remote_ip6[3]));
	}
	key.client_port = (__u16)ctx->local_port;
	key.server_port = (__u16)bpf_ntohl(ctx->remote_port);
	return key;
}

SEC("sockops")
int passport(struct bpf_sock_ops *ctx)
{
	struct culvert_passport key;
	__u64 now;

	switch (ctx->op) {
	case BPF_SOCK_OPS_TCP_CONNECT_CB:
		key = passport_of(ctx);
		now = bpf_ktime_get_ns();
		/* Without word of the socket's end the entry could serve the next owner of the
		 * port. ORed: another sockops program (Cilium's) may have asked for callbacks of
		 * its own. */
		if (bpf_sock_ops_cb_flags_set(ctx, ctx->bpf_sock_ops_cb_flags |
							   BPF_SOCK_OPS_STATE_CB_FLAG) ||
		    bpf_map_update_elem(&passports, &key, &now, BPF_ANY))
			return verdict_allow(CULVERT_VERDICT_PASSPORT_NOT_ISSUED);
		return verdict_allow(CULVERT_VERDICT_PASSPORT_ISSUED);
	case BPF_SOCK_OPS_STATE_CB:
		if (ctx->args[1] != BPF_TCP_CLOSE)
			return verdict_allow(CULVERT_VERDICT_PASSPORT_OTHER_EVENT);
		key = passport_of(ctx);
		bpf_map_delete_elem(&passports, &key);
		return verdict_allow(CULVERT_VERDICT_PASSPORT_WITHDRAWN);
	default:
		return verdict_allow(CULVERT_VERDICT_PASSPORT_OTHER_EVENT);
	}
}

/* Dual-licensed; the kernel has no name for the Apache half, and the helpers need the GPL one. */
char LICENSE[] SEC("license") = "GPL";
