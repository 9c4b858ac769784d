// SPDX-License-Identifier: Apache-2.0
#include "agent/mesh/peer_authentication.h"

#include <fmt/format.h>

#include <algorithm>

namespace culvert::mesh {
namespace {

namespace pb = istio::security;
using Mode = PeerAuthentication::Mode;

constexpr std::string_view kStaticStrict = "istio_converted_static_strict";
constexpr std::string_view kConvertedPrefix = "converted_peer_authentication_";

// Every policy here is a DENY of peers without an identity, that is, of plaintext.
pb::Authorization deny(std::string_view name, const std::string& ns) {
  pb::Authorization policy;
  policy.set_name(std::string(name));
  policy.set_namespace_(ns);
  policy.set_scope(pb::WORKLOAD_SELECTOR);
  policy.set_action(pb::DENY);
  return policy;
}

pb::Rule& add_plaintext_rule(pb::Authorization& policy) {
  auto& rule = *policy.add_rules();
  rule.add_clauses()->add_matches()->add_not_principals()->mutable_presence();
  return rule;
}

bool is_strict(Mode mode) {
  return mode == Mode::strict;
}

// oldest prefers the one made first, as istiod does for two that claim the same place.
void take_older(const PeerAuthentication*& best, const PeerAuthentication& candidate) {
  if (best == nullptr || candidate.meta.created < best->meta.created) {
    best = &candidate;
  }
}

template <class Visit>
void for_each_in(const Objects& objects, const std::string& ns, Visit visit) {
  const auto& table = objects.peer_authentications;
  for (auto it = table.lower_bound({ns, {}}); it != table.end() && it->first.first == ns; ++it) {
    visit(it->second);
  }
}

// namespace_is_strict is what a pod inherits from its mesh and its namespace.
bool namespace_is_strict(const Objects& objects, const MeshOptions& options,
                         const std::string& ns) {
  bool strict = false;
  for (const auto& place : {options.root_namespace, ns}) {
    const PeerAuthentication* chosen = nullptr;
    for_each_in(objects, place, [&](const PeerAuthentication& peer) {
      if (!peer.selector) {
        take_older(chosen, peer);
      }
    });
    if (chosen != nullptr && chosen->mode != Mode::unset) {
      strict = is_strict(chosen->mode);
    }
  }
  return strict;
}

bool is_strict_base(const Objects& objects, const MeshOptions& options,
                    const PeerAuthentication& peer) {
  return peer.mode == Mode::unset ? namespace_is_strict(objects, options, peer.meta.ns)
                                  : is_strict(peer.mode);
}

// exceptions are the ports whose mode differs from the base; UNSET is the base itself.
std::vector<std::uint16_t> exceptions(const PeerAuthentication& peer, bool strict_base) {
  std::vector<std::uint16_t> ports;
  for (const auto& [port, mode] : peer.port_modes) {
    if (mode != Mode::unset && is_strict(mode) != strict_base) {
      ports.push_back(port);
    }
  }
  return ports;
}

pb::Authorization convert(const PeerAuthentication& peer, bool strict_base,
                          const std::vector<std::uint16_t>& ports) {
  auto policy = deny(fmt::format("{}{}", kConvertedPrefix, peer.meta.name), peer.meta.ns);
  if (strict_base) {
    auto& match = *add_plaintext_rule(policy).add_clauses()->add_matches();
    for (const auto port : ports) {
      match.add_not_destination_ports(port);
    }
  } else {
    for (const auto port : ports) {
      add_plaintext_rule(policy).add_clauses()->add_matches()->add_destination_ports(port);
    }
  }
  return policy;
}

// any_unreadable: a PeerAuthentication of the pod's namespace or of the mesh may say STRICT in a
// way that we can't read.
bool any_unreadable(const Objects& objects, const MeshOptions& options, const std::string& ns) {
  bool unreadable = false;
  for (const auto& place : {options.root_namespace, ns}) {
    for_each_in(objects, place, [&](const PeerAuthentication& peer) {
      unreadable = unreadable || peer.unreadable;
    });
  }
  return unreadable;
}

}  // namespace

std::vector<pb::Authorization> converted_peers(const Objects& objects, const MeshOptions& options) {
  std::vector<pb::Authorization> policies;
  if (objects.peer_authentications.empty()) {
    return policies;
  }
  policies.push_back(deny(kStaticStrict, options.root_namespace));
  add_plaintext_rule(policies.back());
  for (const auto& [key, peer] : objects.peer_authentications) {
    const bool strict_base = is_strict_base(objects, options, peer);
    const auto ports = exceptions(peer, strict_base);
    if (peer.selector && !ports.empty()) {
      policies.push_back(convert(peer, strict_base, ports));
    }
  }
  return policies;
}

std::vector<std::string> peer_policies(const Objects& objects, const MeshOptions& options,
                                       const Pod& pod) {
  const auto static_strict = fmt::format("{}/{}", options.root_namespace, kStaticStrict);
  if (any_unreadable(objects, options, pod.meta.ns)) {
    return {static_strict};
  }
  const PeerAuthentication* chosen = nullptr;
  for_each_in(objects, pod.meta.ns, [&](const PeerAuthentication& peer) {
    if (peer.selector && selects(*peer.selector, pod.meta.labels)) {
      take_older(chosen, peer);
    }
  });
  bool strict = namespace_is_strict(objects, options, pod.meta.ns);
  std::vector<std::string> names;
  if (chosen != nullptr) {
    strict = is_strict_base(objects, options, *chosen);
    if (!exceptions(*chosen, strict).empty()) {
      names.push_back(fmt::format("{}/{}{}", chosen->meta.ns, kConvertedPrefix, chosen->meta.name));
      strict = false;  // the converted policy holds the base as well
    }
  }
  if (strict) {
    names.push_back(static_strict);
  }
  return names;
}

}  // namespace culvert::mesh
