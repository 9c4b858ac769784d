// The rtnetlink messages of a pod's netns: two rules and one route per family. Adding what is there
// and deleting what is not are successes; adding tells whether it was new.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>

#include "agent/enrol/netlink.h"
#include "bpf/include/culvert_abi.h"
#include "ztunnel/lib/base/address.h"
#include "ztunnel/lib/base/result.h"

namespace culvert::enrol {

enum class Family : std::uint8_t { v4, v6 };

struct MarkRule {
  std::uint32_t mark = 0;  // one bit, which is also the mask
  std::uint32_t priority = 0;
};
inline constexpr MarkRule kRules[] = {
    {.mark = CULVERT_MARK_OUTBOUND, .priority = CULVERT_RULE_PRIORITY_OUTBOUND},
    {.mark = CULVERT_MARK_DELIVERY, .priority = CULVERT_RULE_PRIORITY_DELIVERY},
};

// add_route puts in (or gives another source to) `local default dev lo src SOURCE table
// CULVERT_ROUTE_TABLE`. Without the source an IPv4 connect() through it fails with ENETUNREACH
// (experiment X1).
Result<bool> add_route(Netlink& netlink, Family family, const IpAddress& source);
Result<> delete_route(Netlink& netlink, Family family);

Result<bool> add_rule(Netlink& netlink, Family family, const MarkRule& rule);
Result<> delete_rule(Netlink& netlink, Family family, const MarkRule& rule);

// dump_addresses calls `visit` with each RTM_NEWADDR of both families.
Result<> dump_addresses(Netlink& netlink, const std::function<void(const nlmsghdr*)>& visit);

}  // namespace culvert::enrol
