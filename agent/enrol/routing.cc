// SPDX-License-Identifier: Apache-2.0
#include "agent/enrol/routing.h"

#include <fmt/format.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <initializer_list>

namespace culvert::enrol {

namespace {

constexpr std::uint32_t kLoopbackIndex = 1;  // in every netns, include/net/flow.h

using Buffer = std::array<char, 256>;  // a header and at most six attributes of up to 20 bytes

unsigned char family_number(Family family) {
  return family == Family::v4 ? AF_INET : AF_INET6;
}
const char* family_name(Family family) {
  return family == Family::v4 ? "IPv4" : "IPv6";
}

nlmsghdr* route_message(Buffer& buffer, std::uint16_t type, Family family) {
  nlmsghdr* message = ::mnl_nlmsg_put_header(buffer.data());
  message->nlmsg_type = type;
  auto* route = static_cast<rtmsg*>(::mnl_nlmsg_put_extra_header(message, sizeof(rtmsg)));
  route->rtm_family = family_number(family);
  route->rtm_table = RT_TABLE_UNSPEC;  // RTA_TABLE has it: the number is above 255
  route->rtm_protocol = RTPROT_STATIC;
  route->rtm_scope = RT_SCOPE_HOST;
  route->rtm_type = RTN_LOCAL;
  ::mnl_attr_put_u32(message, RTA_TABLE, CULVERT_ROUTE_TABLE);
  ::mnl_attr_put_u32(message, RTA_OIF, kLoopbackIndex);
  return message;
}

nlmsghdr* rule_message(Buffer& buffer, std::uint16_t type, Family family, const MarkRule& rule) {
  nlmsghdr* message = ::mnl_nlmsg_put_header(buffer.data());
  message->nlmsg_type = type;
  auto* header =
      static_cast<fib_rule_hdr*>(::mnl_nlmsg_put_extra_header(message, sizeof(fib_rule_hdr)));
  header->family = family_number(family);
  header->action = FR_ACT_TO_TBL;
  ::mnl_attr_put_u32(message, FRA_TABLE, CULVERT_ROUTE_TABLE);
  ::mnl_attr_put_u32(message, FRA_PRIORITY, rule.priority);
  ::mnl_attr_put_u32(message, FRA_FWMARK, rule.mark);
  ::mnl_attr_put_u32(message, FRA_FWMASK, rule.mark);
  return message;
}

// Takes the errnos that say "it is so already" for success.
Result<> accept(Result<> result, std::initializer_list<int> fine) {
  if (!result) {
    for (const int code : fine) {
      if (result.error().sys == code) {
        return {};
      }
    }
  }
  return result;
}

}  // namespace

Result<bool> add_route(Netlink& netlink, Family family, const IpAddress& source) {
  const auto what =
      fmt::format("add the {} route to loopback from {}", family_name(family), to_string(source));
  // Once to see whether it is new, once more to replace what is there.
  for (const int flag : {NLM_F_EXCL, NLM_F_REPLACE}) {
    Buffer buffer{};
    nlmsghdr* message = route_message(buffer, RTM_NEWROUTE, family);
    message->nlmsg_flags |= static_cast<std::uint16_t>(NLM_F_CREATE | flag);
    ::mnl_attr_put(message, RTA_PREFSRC, source.octets().size(), source.octets().data());
    const auto result = netlink.request(message, what);
    if (result) {
      return flag == NLM_F_EXCL;
    }
    if (flag == NLM_F_REPLACE || result.error().sys != EEXIST) {
      return fail(result.error());
    }
  }
  __builtin_unreachable();
}

Result<> delete_route(Netlink& netlink, Family family) {
  Buffer buffer{};
  return accept(
      netlink.request(route_message(buffer, RTM_DELROUTE, family),
                      fmt::format("delete the {} route to loopback", family_name(family))),
      // no such route or table; no such family in this kernel
      {ESRCH, ENOENT, EAFNOSUPPORT, EOPNOTSUPP});
}

Result<bool> add_rule(Netlink& netlink, Family family, const MarkRule& rule) {
  Buffer buffer{};
  nlmsghdr* message = rule_message(buffer, RTM_NEWRULE, family, rule);
  message->nlmsg_flags |= NLM_F_CREATE | NLM_F_EXCL;
  const auto result = netlink.request(
      message, fmt::format("add the {} rule on mark {:#x}", family_name(family), rule.mark));
  if (!result && result.error().sys != EEXIST) {
    return fail(result.error());
  }
  return result.has_value();
}

Result<> delete_rule(Netlink& netlink, Family family, const MarkRule& rule) {
  Buffer buffer{};
  return accept(netlink.request(rule_message(buffer, RTM_DELRULE, family, rule),
                                fmt::format("delete the {} rule on mark {:#x}", family_name(family),
                                            rule.mark)),
                {ENOENT, EAFNOSUPPORT, EOPNOTSUPP});
}

Result<> dump_addresses(Netlink& netlink, const std::function<void(const nlmsghdr*)>& visit) {
  Buffer buffer{};
  nlmsghdr* message = ::mnl_nlmsg_put_header(buffer.data());
  message->nlmsg_type = RTM_GETADDR;
  auto* header = static_cast<ifaddrmsg*>(::mnl_nlmsg_put_extra_header(message, sizeof(ifaddrmsg)));
  header->ifa_family = AF_UNSPEC;
  return netlink.dump(message, "list the addresses of the pod", visit);
}

}  // namespace culvert::enrol
