// Succession: when a new authority may sign, and which roots the mesh accepts meanwhile. A peer
// trusts the roots that came with its own certificate, so a new root is published for as long as a
// certificate lives before the first leaf leads to it, and an old one for as long after the last:
// then no two certificates that live at the same time distrust each other.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "agent/signer/secrets.h"

namespace culvert::signer {

struct PublishedRoot {
  std::string pem;
  std::string sha256;
  std::chrono::sys_seconds published;
  std::optional<std::chrono::sys_seconds> replaced;  // since then no authority has wanted it

  bool operator==(const PublishedRoot&) const = default;
};
using PublishedRoots = std::vector<PublishedRoot>;

// read_roots takes the ConfigMap. A root whose times can't be read counts as published `now`: that
// is later than it was, and errs towards waiting.
PublishedRoots read_roots(const Json& config_map, std::chrono::sys_seconds now);

struct Succession {
  PublishedRoots roots;   // that are to be published now
  bool succeeds = false;  // what is given signs from now on
  // When it will, where it only waits for its root to be known.
  std::optional<std::chrono::sys_seconds> due;
};

// decide compares what signs (null: nothing does yet, or nothing can), what a Secret gives (null:
// nothing that can be used) and what is published.
Succession decide(const Authority* in_force, const Authority* given,
                  const PublishedRoots& published, std::chrono::sys_seconds now,
                  std::chrono::seconds overlap);

// write_roots gives the ConfigMap. Agents read the roots, read_roots their times; what signs, and
// when another will, is there for people, who need not see a Secret for it.
Json write_roots(std::string_view in_namespace, const Succession& decided,
                 const Authority* in_force);

}  // namespace culvert::signer
