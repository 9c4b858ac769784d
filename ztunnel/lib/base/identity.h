// SPIFFE identities of workloads, in the one form that Istio uses.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <functional>
#include <string>
#include <string_view>

#include "ztunnel/lib/base/result.h"

namespace culvert {

// SpiffeId is `spiffe://<trust domain>/ns/<namespace>/sa/<service account>`: exactly these five
// path segments, all non-empty; any other form is not an identity of this mesh
// (ztunnel identity/manager.rs).
struct SpiffeId {
  std::string trust_domain;
  std::string ns;  // Kubernetes namespace
  std::string service_account;

  // parse fails with `identity` and a sentence that quotes the text.
  static Result<SpiffeId> parse(std::string_view uri);

  auto operator<=>(const SpiffeId&) const = default;
};

std::string to_string(const SpiffeId& id);

}  // namespace culvert

template <>
struct std::hash<culvert::SpiffeId> {
  std::size_t operator()(const culvert::SpiffeId& id) const noexcept {
    const std::hash<std::string> h;
    return (h(id.trust_domain) * 31 + h(id.ns)) * 31 + h(id.service_account);
  }
};
