// The steps, their order and their undoing; the netlink messages are in routing.cc.
// SPDX-License-Identifier: Apache-2.0
#include "agent/enrol/netns_setup.h"

#include <fmt/format.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <string>

#include "agent/enrol/netlink.h"
#include "agent/enrol/netns.h"
#include "agent/enrol/routing.h"
#include "agent/enrol/sysctl.h"
#include "bpf/include/culvert_abi.h"

namespace culvert::enrol {

namespace {

constexpr int kLoopbackIndex = 1;  // in every netns, include/net/flow.h

// A step can be done again when it is done, and undone when it is not.
struct Step {
  std::function<Result<bool>()> apply;  // gives whether there was anything to do
  std::function<Result<>()> undo;
};

std::vector<Step> steps_for(Netlink& netlink, const std::vector<IpAddress>& ips);
void add_family(std::vector<Step>& steps, Netlink& netlink, Family family, const IpAddress& source);
void add_sysctl(std::vector<Step>& steps, const char* path);

// Takes one RTM_NEWADDR of a dump into `found`, or counts it as tentative.
void take_address(const nlmsghdr* message, std::vector<IpAddress>& found, int& tentative);

}  // namespace

Result<> set_up_netns(int netns_fd, const std::vector<IpAddress>& ips) {
  TRY(const auto visit, NetnsVisit::enter(netns_fd));
  TRY(auto netlink, Netlink::open());
  const auto steps = steps_for(netlink, ips);
  // Only what was new is undone: a pod that was set up before stays so.
  std::vector<const Step*> done;
  for (const auto& step : steps) {
    const auto result = step.apply();
    if (!result) {
      while (!done.empty()) {
        (void)done.back()->undo();  // no better answer than the error at hand, whatever comes of it
        done.pop_back();
      }
      return fail(result.error());
    }
    if (*result) {
      done.push_back(&step);
    }
  }
  return {};
}

Result<> tear_down_netns(int netns_fd) {
  TRY(const auto visit, NetnsVisit::enter(netns_fd));
  TRY(auto netlink, Netlink::open());
  // The addresses say only which families to work on; removal goes by rule and table.
  const auto steps = steps_for(netlink, {IpAddress::any_v4(), IpAddress::loopback_v6()});
  Result<> first;
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    if (auto result = step->undo(); !result && first) {
      first = std::move(result);
    }
  }
  return first;
}

Result<std::vector<IpAddress>> pod_addresses(int netns_fd) {
  TRY(const auto visit, NetnsVisit::enter(netns_fd));
  TRY(auto netlink, Netlink::open());
  std::vector<IpAddress> found;
  int tentative = 0;
  TRY_VOID(dump_addresses(
      netlink, [&](const nlmsghdr* message) { take_address(message, found, tentative); }));
  if (tentative > 0) {
    return fail(Errc::unavailable,
                "an IPv6 address of the pod is still being checked for duplicates: "
                "try again in a second");
  }
  if (found.empty()) {
    return fail(Errc::not_found,
                "the pod's network namespace has no address: enrol it after its CNI "
                "plugin has run");
  }
  return found;
}

namespace {

std::vector<Step> steps_for(Netlink& netlink, const std::vector<IpAddress>& ips) {
  std::vector<Step> steps;
  const auto four = std::ranges::find_if(ips, [](const IpAddress& ip) { return ip.is_v4(); });
  const auto six = std::ranges::find_if(ips, [](const IpAddress& ip) { return !ip.is_v4(); });
  add_sysctl(steps, "net/ipv4/tcp_fwmark_accept");  // for both families
  if (four != ips.end()) {
    add_sysctl(steps, "net/ipv4/fwmark_reflect");
    add_family(steps, netlink, Family::v4, *four);
  }
  if (six != ips.end()) {
    add_sysctl(steps, "net/ipv6/fwmark_reflect");
    add_family(steps, netlink, Family::v6, *six);
  }
  return steps;
}

// The route before the rules: a rule on an empty table would be passed over, and the packet leave.
void add_family(std::vector<Step>& steps, Netlink& netlink, Family family,
                const IpAddress& source) {
  steps.push_back(
      {.apply = [&netlink, family, source] { return add_route(netlink, family, source); },
       .undo = [&netlink, family] { return delete_route(netlink, family); }});
  for (const auto& rule : kRules) {
    steps.push_back(
        {.apply = [&netlink, family, rule] { return add_rule(netlink, family, rule); },
         .undo = [&netlink, family, rule] { return delete_rule(netlink, family, rule); }});
  }
}

void add_sysctl(std::vector<Step>& steps, const char* path) {
  steps.push_back({.apply = [path] { return switch_sysctl_on(path); },
                   .undo = [path] { return switch_sysctl_off(path); }});
}

// IFA_LOCAL is the own address where IFA_ADDRESS is the peer's (point-to-point); IPv6 mostly has
// only the second. Both are borrowed from the message.
struct OwnAddress {
  Bytes local;
  Bytes address;
};

int read_attribute(const nlattr* attribute, void* own) {
  const Bytes payload(static_cast<const std::uint8_t*>(::mnl_attr_get_payload(attribute)),
                      ::mnl_attr_get_payload_len(attribute));
  const auto type = ::mnl_attr_get_type(attribute);
  if (type == IFA_LOCAL) {
    static_cast<OwnAddress*>(own)->local = payload;
  } else if (type == IFA_ADDRESS) {
    static_cast<OwnAddress*>(own)->address = payload;
  }
  return MNL_CB_OK;
}

void take_address(const nlmsghdr* message, std::vector<IpAddress>& found, int& tentative) {
  const auto* header = static_cast<const ifaddrmsg*>(::mnl_nlmsg_get_payload(message));
  if (header->ifa_index == kLoopbackIndex || header->ifa_scope == RT_SCOPE_LINK ||
      header->ifa_scope == RT_SCOPE_HOST) {
    return;
  }
  OwnAddress own;
  (void)::mnl_attr_parse(message, sizeof *header, read_attribute, &own);  // the visitor never fails
  const auto ip = IpAddress::from_bytes(own.local.empty() ? own.address : own.local);
  if (!ip) {
    return;
  }
  if ((header->ifa_flags & IFA_F_TENTATIVE) != 0 && (header->ifa_flags & IFA_F_OPTIMISTIC) == 0) {
    ++tentative;
  }
  found.push_back(*ip);
}

}  // namespace

}  // namespace culvert::enrol
