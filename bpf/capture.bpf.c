/* capture: cgroup/connect4 and connect6 at the root of the node's cgroups. Marks the socket of an
 * enrolled pod, so that the policy rule in the pod's netns loops its SYN back to steer. Nothing is
 * rewritten: the application, ss and tcpdump see true addresses.
 * SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/lib/capture.h"
#include "bpf/lib/pod_map.h"
#include "bpf/lib/verdict.h"

/* <asm-generic/socket.h>, which the BPF target can't include without the libc's headers */
#define SOL_SOCKET 1
#define SO_MARK 36
#define SO_BINDTOIFINDEX 62

CULVERT_POD_MAP(pods);

/* Cgroup ids of the daemons, as keys; the value says nothing. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CULVERT_DAEMONS_MAX);
	__type(key, __u64);
	__type(value, __u8);
} daemons SEC(".maps");

static __always_inline int capture(struct bpf_sock_addr *ctx, const struct culvert_ip *target)
{
	__u64 cookie = bpf_get_netns_cookie(ctx);
	struct culvert_pod *pod = bpf_map_lookup_elem(&pods, &cookie);
	__u64 cgroup = bpf_get_current_cgroup_id();
	enum culvert_verdict verdict;
	__u32 old_mark, mark;
	int any_device = 0;

	if (!pod)
		return verdict_allow(CULVERT_VERDICT_CAPTURE_NOT_ENROLLED);
	verdict = capture_verdict(pod, bpf_map_lookup_elem(&daemons, &cgroup) != NULL,
				  ctx->protocol, target);

	old_mark = ctx->sk->mark;
	mark = capture_mark(old_mark, verdict);
	if (mark != old_mark && bpf_setsockopt(ctx, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)))
		return verdict_deny(CULVERT_VERDICT_CAPTURE_MARK_REFUSED);

	/* A bound device takes the route to loopback out of the lookup and the SYN out in
	 * plaintext. */
	if (verdict == CULVERT_VERDICT_CAPTURE_CAPTURED && ctx->sk->bound_dev_if != 0 &&
	    bpf_setsockopt(ctx, SOL_SOCKET, SO_BINDTOIFINDEX, &any_device, sizeof(any_device)))
		return verdict_deny(CULVERT_VERDICT_CAPTURE_DEVICE_REFUSED);
	return verdict_allow(verdict);
}

SEC("cgroup/connect4")
int capture_connect4(struct bpf_sock_addr *ctx)
{
	struct culvert_ip target = ip_from_v4(ctx->user_ip4);

	return capture(ctx, &target);
}

/* Also for IPv4 targets of an IPv6 socket, which come v4-mapped. */
SEC("cgroup/connect6")
int capture_connect6(struct bpf_sock_addr *ctx)
{
	struct culvert_ip target =
		ip_from_v6(ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3]);

	return capture(ctx, &target);
}

/* Dual-licensed; the kernel has no name for the Apache half, and the helpers need the GPL one. */
char LICENSE[] SEC("license") = "GPL";
