// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/proxy/hbone.h"

#include <algorithm>

#include <fmt/format.h>

namespace culvert::proxy {
namespace {

std::string_view name_of(policy::WorkloadType type) {
  switch (type) {
    case policy::WorkloadType::deployment: return "deployment";
    case policy::WorkloadType::cronjob: return "cronjob";
    case policy::WorkloadType::pod: return "pod";
    case policy::WorkloadType::job: return "job";
  }
  return "deployment";
}

// The value of `host=` in a Forwarded header (RFC 7239 §4), without quotes; empty if there is none.
std::string forwarded_host(std::string_view header) {
  for (std::size_t from = 0; from <= header.size();) {
    const auto end = std::min(header.find(';', from), header.size());
    auto pair = header.substr(from, end - from);
    if (pair.starts_with("host=")) {
      pair.remove_prefix(5);
      if (pair.size() >= 2 && pair.front() == '"' && pair.back() == '"') {
        pair = pair.substr(1, pair.size() - 2);
      }
      return std::string(pair);
    }
    from = end + 1;
  }
  return {};
}

// Baggage is `k=v` pairs joined by commas; unknown keys are ignored, an empty value counts as
// absent.
template <class Visit>
void for_each_pair(std::string_view baggage, Visit visit) {
  for (std::size_t from = 0; from < baggage.size();) {
    const auto end = std::min(baggage.find(',', from), baggage.size());
    const auto pair = baggage.substr(from, end - from);
    const auto equals = pair.find('=');
    if (equals != std::string_view::npos && equals + 1 < pair.size()) {
      visit(pair.substr(0, equals), pair.substr(equals + 1));
    }
    from = end + 1;
  }
}

}  // namespace

std::string baggage_of(const policy::Workload& workload) {
  std::string baggage;
  const auto add = [&baggage](std::string_view key, std::string_view value) {
    if (!value.empty()) {
      baggage += fmt::format("{}{}={}", baggage.empty() ? "" : ",", key, value);
    }
  };
  add("k8s.cluster.name", workload.cluster_id);
  add("k8s.namespace.name", workload.ns);
  add(fmt::format("k8s.{}.name", name_of(workload.type)), workload.workload_name);
  add("service.name", workload.canonical_name);
  add("service.version", workload.canonical_revision);
  add("cloud.region", workload.locality.region);
  add("cloud.availability_zone", workload.locality.zone);
  return baggage;
}

policy::WorkloadPtr workload_from_baggage(std::string_view baggage, const SpiffeId& identity) {
  policy::Workload workload;
  for_each_pair(baggage, [&workload](std::string_view key, std::string_view value) {
    if (key == "k8s.cluster.name") {
      workload.cluster_id = value;
    } else if (key == "service.name") {
      workload.canonical_name = value;
    } else if (key == "service.version") {
      workload.canonical_revision = value;
    } else if (key == "cloud.region") {
      workload.locality.region = value;
    } else if (key == "cloud.availability_zone") {
      workload.locality.zone = value;
    } else if (key.starts_with("k8s.") && key.ends_with(".name") && key != "k8s.namespace.name") {
      workload.workload_name = value;
      workload.name = value;
    }
  });
  workload.ns = identity.ns;
  workload.trust_domain = identity.trust_domain;
  workload.service_account = identity.service_account;
  return std::make_shared<const policy::Workload>(std::move(workload));
}

http::HeaderList connect_request(const policy::Route& route, const policy::Workload& source,
                                 const SocketAddress& client, Rng& rng) {
  auto forwarded = fmt::format("for=\"{}\"", to_string(client));
  if (route.service != nullptr) {
    forwarded += fmt::format(";host={}", route.service->hostname);
  }
  return {
      {":method", "CONNECT"},
      {":authority", route.authority},
      {"baggage", baggage_of(source)},
      {"forwarded", std::move(forwarded)},
      // Lets both ends' logs be joined; no span is exported (wire-facts §1.6).
      {"traceparent",
       fmt::format("00-{:016x}{:016x}-{:016x}-00", rng.next(), rng.next(), rng.next())},
  };
}

Result<ConnectRequest> parse_connect(const http::HeaderList& request) {
  const std::string* method = http::find_header(request, ":method");
  if (method == nullptr || *method != "CONNECT") {
    return fail(Errc::protocol,
                fmt::format("HBONE takes CONNECT only, not {}",
                            method == nullptr ? "nothing" : method->substr(0, 32)),
                Side::downstream);
  }
  if (http::find_header(request, ":scheme") != nullptr ||
      http::find_header(request, ":path") != nullptr) {
    return fail(Errc::protocol, "a CONNECT carries neither :scheme nor :path (RFC 9113 §8.5)",
                Side::downstream);
  }
  const std::string* authority = http::find_header(request, ":authority");
  if (authority == nullptr) {
    return fail(Errc::protocol, "the CONNECT has no :authority", Side::downstream);
  }
  TRY(auto parsed, policy::parse_authority(*authority));
  ConnectRequest result{.authority = std::move(parsed), .forwarded_host = {}, .baggage = {}};
  for (const auto& header : request) {
    if (header.name == "baggage") {
      result.baggage += (result.baggage.empty() ? "" : ",") + header.value;
    } else if (header.name == "forwarded") {
      result.forwarded_host = forwarded_host(header.value);
    }
  }
  return result;
}

}  // namespace culvert::proxy
