// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/policy/inbound.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "ztunnel/lib/policy/balance.h"
#include "ztunnel/lib/policy/waypoint.h"

namespace culvert::policy {
namespace {

bool is_hostname(std::string_view host) {
  return !host.empty() && std::ranges::all_of(host, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '.' || c == '_';
  });
}

// The object that owns `authority` must have `own` as its waypoint for the stream to be ours.
bool relays_for(const Snapshot& snapshot, const Workload& own, const IpAddress& authority) {
  if (const auto service = snapshot.service_by_vip(own.network, authority, own.ns)) {
    return service->waypoint && is_waypoint(snapshot, *service->waypoint, own);
  }
  const auto workload = snapshot.workload_by_ip(own.network, authority);
  return workload != nullptr && workload->waypoint &&
         is_waypoint(snapshot, *workload->waypoint, own);
}

// next_port is the application's port for what the peer asked for, before any application tunnel.
Result<std::pair<std::uint16_t, ServicePtr>> next_port(const Snapshot& snapshot,
                                                       const Workload& own, const IpAddress& local,
                                                       const Authority& authority) {
  using Answer = std::pair<std::uint16_t, ServicePtr>;
  if (const auto* address = std::get_if<SocketAddress>(&authority)) {
    if (address->ip != local && !own.application_tunnel &&
        !relays_for(snapshot, own, address->ip)) {
      return fail(Errc::protocol,
                  fmt::format("the authority {} is not the address {} at which the tunnel ended",
                              to_string(*address), to_string(local)),
                  Side::downstream);
    }
    return Answer(address->port, nullptr);
  }
  const auto& [host, port] = std::get<HostPort>(authority);
  auto service = snapshot.service_by_hostname(host, own.ns);
  if (service == nullptr) {
    return fail(Errc::unavailable, fmt::format("no service has the hostname {}", host),
                Side::downstream);
  }
  const auto target = target_port(*service, own, port);
  if (!target) {
    return fail(Errc::unavailable,
                fmt::format("service {} has no port {} at this workload", service->key(), port),
                Side::downstream);
  }
  return Answer(*target, std::move(service));
}

// proxied_destination is what a PROXY header names as the destination: the authority, or for a
// hostname an address of the service, of our own network and of IPv4 if there is a choice.
Result<SocketAddress> proxied_destination(const Workload& own, const Authority& authority,
                                          const ServicePtr& service) {
  if (const auto* address = std::get_if<SocketAddress>(&authority)) {
    return *address;
  }
  const auto rank = [&own](const NetworkAddress& vip) {
    return std::pair(vip.network == own.network, vip.ip.is_v4());
  };
  const auto best = std::ranges::max_element(service->vips, {}, rank);
  if (best == service->vips.end()) {
    return fail(Errc::unavailable,
                fmt::format("service {} has no address for a PROXY header to name", service->key()),
                Side::downstream);
  }
  return SocketAddress{best->ip, std::get<HostPort>(authority).port};
}

}  // namespace

Result<Authority> parse_authority(std::string_view text) {
  if (text.size() <= kAuthorityBytesMax) {
    if (const auto address = SocketAddress::parse(text); address && address->port != 0) {
      return Authority(*address);
    }
    const auto colon = text.rfind(':');
    const auto host = text.substr(0, colon);
    if (colon != std::string_view::npos && is_hostname(host)) {
      const auto digits = text.substr(colon + 1);
      std::uint16_t port = 0;
      const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
      if (error == std::errc{} && end == digits.data() + digits.size() && port != 0) {
        return Authority(HostPort{std::string(host), port});
      }
    }
  }
  return fail(Errc::protocol,
              fmt::format("the authority \"{}\" is neither address:port nor hostname:port",
                          text.substr(0, kAuthorityBytesMax)),
              Side::downstream);
}

Result<InboundTarget> inbound_target(const Snapshot& snapshot, const Workload& own,
                                     const IpAddress& local, const Authority& authority) {
  TRY(auto next, next_port(snapshot, own, local, authority));
  auto& [port, service] = next;
  InboundTarget target;
  if (own.application_tunnel) {
    if (own.application_tunnel->proxy_protocol) {
      TRY(target.proxied, proxied_destination(own, authority, service));
    }
    port = own.application_tunnel->port != 0 ? own.application_tunnel->port : port;
  }
  if (is_own_port(port)) {
    return fail(Errc::unavailable,
                fmt::format("port {} is the mesh's own and carries no application", port),
                Side::downstream);
  }
  target.address = {local, port};
  target.service = std::move(service);
  return target;
}

ServicePtr destination_service(const Snapshot& snapshot, const Workload& own, std::uint16_t port,
                               std::string_view forwarded_host) {
  ServicePtr by_port;
  for (const auto& [key, own_ports] : own.services) {
    auto service = snapshot.service_by_key(key);
    if (service == nullptr) {
      continue;
    }
    if (!forwarded_host.empty() && service->hostname == forwarded_host) {
      return service;
    }
    const bool maps = std::ranges::any_of(service->ports, [&](const auto& declared) {
      return target_port(*service, own, declared.first) == port;
    });
    if (maps && by_port == nullptr) {
      by_port = std::move(service);
    }
  }
  return by_port;
}

}  // namespace culvert::policy
