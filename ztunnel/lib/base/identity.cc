// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/base/identity.h"

#include <fmt/format.h>

#include <array>

namespace culvert {
namespace {

constexpr std::string_view kScheme = "spiffe://";
constexpr std::size_t kSegments = 5;
constexpr std::size_t kUriBytesMax = 2048;  // SPIFFE ID specification §2.3

}  // namespace

Result<SpiffeId> SpiffeId::parse(std::string_view uri) {
  const auto bad = [uri] {
    return fail(Errc::identity, fmt::format("\"{}\" is not of the form spiffe://<trust domain>/ns/"
                                            "<namespace>/sa/<service account>",
                                            uri.substr(0, 256)));
  };
  if (!uri.starts_with(kScheme) || uri.size() > kUriBytesMax) {
    return bad();
  }
  auto rest = uri.substr(kScheme.size());
  std::array<std::string_view, kSegments> parts;
  for (std::size_t i = 0; i < kSegments; ++i) {
    const auto slash = rest.find('/');
    const bool last = i + 1 == kSegments;
    if (last != (slash == std::string_view::npos)) {
      return bad();
    }
    parts[i] = rest.substr(0, slash);
    rest = last ? std::string_view() : rest.substr(slash + 1);
    if (parts[i].empty()) {
      return bad();
    }
  }
  if (parts[1] != "ns" || parts[3] != "sa") {
    return bad();
  }
  return SpiffeId{std::string(parts[0]), std::string(parts[2]), std::string(parts[4])};
}

std::string to_string(const SpiffeId& id) {
  return fmt::format("spiffe://{}/ns/{}/sa/{}", id.trust_domain, id.ns, id.service_account);
}

}  // namespace culvert
