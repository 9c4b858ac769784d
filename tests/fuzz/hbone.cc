// The headers of an HBONE CONNECT, a line each, from a peer to the decision where its
// bytes go. What is admitted is a CONNECT with an authority that is written and read back the same,
// goes to the address at which the tunnel ended and never to a port of the mesh; what is refused
// says why in a sentence of bounded length.
// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/proxy/hbone.h"

#include <algorithm>
#include "tests/unit/policy/small_mesh.h"
#include "ztunnel/lib/base/assert.h"

namespace culvert::proxy {
namespace {

// A sentence quotes at most one authority, each byte of which may be escaped where it is shown.
constexpr std::size_t kSentenceBytesMax = 1024;

http::HeaderList headers_of(std::string_view text) {
  http::HeaderList headers;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const auto colon = line.find(": ");
    if (colon != std::string_view::npos) {
      headers.push_back({.name = std::string(line.substr(0, colon)),
                         .value = std::string(line.substr(colon + 2))});
    }
  }
  return headers;
}

std::string written(const policy::Authority& authority) {
  if (const auto* address = std::get_if<SocketAddress>(&authority)) {
    return to_string(*address);
  }
  const auto& named = std::get<policy::HostPort>(authority);
  return named.host + ":" + std::to_string(named.port);
}

// A pod that serves shop, one with an application tunnel, and one that relays for a service.
policy::SnapshotPtr make_mesh() {
  policy::SmallMesh mesh;
  auto server = policy::pod("server", "10.0.0.1");
  policy::serve(server, "shop");
  auto tunnel = policy::pod("tunnel", "10.0.0.2");
  tunnel.mutable_application_tunnel()->set_port(9000);
  policy::serve(tunnel, "shop");
  auto behind = policy::service("behind", "10.1.0.2");
  behind.mutable_waypoint()->mutable_address()->set_address(policy::octets("10.0.0.1"));
  mesh.put(server);
  mesh.put(tunnel);
  mesh.put(policy::service("shop", "10.1.0.1"));
  mesh.put(behind);
  return mesh.snapshot();
}

void check_target(const policy::Authority& authority) {
  static const policy::SnapshotPtr snapshot = make_mesh();
  for (const char* own : {"10.0.0.1", "10.0.0.2"}) {
    const auto workload = snapshot->workload_by_ip("", policy::ip(own));
    CULVERT_ASSERT(workload != nullptr);
    const auto target = policy::inbound_target(*snapshot, *workload, policy::ip(own), authority);
    if (!target) {
      CULVERT_ASSERT(target.error().context.size() < kSentenceBytesMax);
      continue;
    }
    CULVERT_ASSERT(target->address.ip == policy::ip(own));
    CULVERT_ASSERT(!policy::is_own_port(target->address.port));
    CULVERT_ASSERT((target->service != nullptr) ==
                   std::holds_alternative<policy::HostPort>(authority));
    const auto* address = std::get_if<SocketAddress>(&authority);
    if (address != nullptr && !workload->application_tunnel) {
      CULVERT_ASSERT(target->address.port == address->port);
      CULVERT_ASSERT(address->ip == policy::ip(own) || address->ip == policy::ip("10.1.0.2"));
    }
  }
}

}  // namespace
}  // namespace culvert::proxy

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace culvert;
  const auto headers = proxy::headers_of(as_text({bytes, size}));
  const auto request = proxy::parse_connect(headers);
  if (!request) {
    CULVERT_ASSERT(request.error().code == Errc::protocol);
    CULVERT_ASSERT(!request.error().context.empty());
    CULVERT_ASSERT(request.error().context.size() < proxy::kSentenceBytesMax);
    return 0;
  }
  CULVERT_ASSERT(*http::find_header(headers, ":method") == "CONNECT");
  CULVERT_ASSERT(http::find_header(headers, ":scheme") == nullptr);
  CULVERT_ASSERT(http::find_header(headers, ":path") == nullptr);
  CULVERT_ASSERT(request->baggage.size() + request->forwarded_host.size() <= size);
  const auto again = policy::parse_authority(proxy::written(request->authority));
  CULVERT_ASSERT(again && *again == request->authority);
  proxy::check_target(request->authority);
  return 0;
}
