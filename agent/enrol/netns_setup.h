// What a pod's netns needs before its packets can be steered: policy rules on the two mark bits,
// one local route per family, and the sysctls that make replies follow the mark (redirection
// corrections 1, 3 and 4). Everything over rtnetlink and /proc/sys; no `ip` binary, no netfilter.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "ztunnel/lib/base/address.h"
#include "ztunnel/lib/base/result.h"

namespace culvert::enrol {

// pod_addresses reads the addresses of all interfaces of a netns but loopback's and IPv6 link-local
// ones, in the kernel's order (the CNI's first). Fails with `not_found` if there is none,
// `unavailable` while an IPv6 address is still tentative (duplicate detection; try again in a
// second).
Result<std::vector<IpAddress>> pod_addresses(int netns_fd);

// set_up_netns puts in, for each family that `ips` has an address of: rule on the outbound bit,
// rule on the delivery bit, route `local default dev lo src <first ip> table CULVERT_ROUTE_TABLE`;
// and the sysctls tcp_fwmark_accept=1, fwmark_reflect=1. Each step is idempotent (run it again
// after an address change or an agent's restart). A step that fails undoes the ones before it, in
// reverse order, and the error names the step. `netns_fd` is borrowed.
Result<> set_up_netns(int netns_fd, const std::vector<IpAddress>& ips);

// tear_down_netns undoes set_up_netns in reverse order, both families; what is absent is no error.
// All steps are tried; the first error is returned. Only after Datapath::detach_pod: a captured
// connection that loses its rule is reset (experiment X15). The sysctls go back to 0, the kernel's
// default.
Result<> tear_down_netns(int netns_fd);

}  // namespace culvert::enrol
