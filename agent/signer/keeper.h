// AuthorityKeeper: keeps Secrets, published roots and the authority that signs in agreement. What
// is in force is in the cluster and not in a replica: each of them comes to the same decision from
// the same objects, and of two that act on it at once the API server lets one be first.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "agent/kube/client.h"
#include "agent/signer/events.h"
#include "agent/signer/secrets.h"
#include "agent/signer/succession.h"
#include "ztunnel/lib/base/rng.h"
#include "ztunnel/lib/io/event.h"
#include "ztunnel/lib/obs/log.h"

namespace culvert::signer {

// How often the objects are looked at: four small GETs.
inline constexpr std::chrono::seconds kCompareInterval{10};
// After a failure: the other replica was faster, or the API server does not answer.
inline constexpr std::chrono::seconds kCompareAgain{1};
// Who has not seen for so long which authority is in force does not sign: another may have
// succeeded it. kDefaultOverlap has room for it.
inline constexpr std::chrono::seconds kFreshWithin{60};
// How long a root is accepted before its first leaf and after its last one: the life of a leaf, and
// what agents and replicas take to learn of it.
inline constexpr std::chrono::minutes kDefaultOverlap{24 * 60 + 10};

struct KeeperOptions {
  std::string in_namespace;
  std::string trust_domain;
  std::chrono::seconds overlap = kDefaultOverlap;
  Events::Clock clock;
};

class AuthorityKeeper {
 public:
  // All that it is given must outlive run().
  AuthorityKeeper(io::Loop& loop, Rng& rng, kube::Client& client, Events& events,
                  KeeperOptions options)
      : loop_(loop), rng_(rng), client_(client), events_(events), options_(std::move(options)) {}

  // run compares now and then, until it is cancelled.
  io::Task<> run();

  // current gives the authority that signs, null while there is none, or none that is known to be
  // in force. Valid until the next suspension.
  const tls::CertificateAuthority* current() const;
  // wait suspends until current() gives one.
  io::Task<> wait();

  std::size_t root_count() const { return root_count_; }
  // problem says why current() gives none; empty when it does.
  std::string problem() const;

 private:
  struct Objects {
    Json given;     // null where there is none
    Json in_force;  // null where there is none
    Json roots;     // null where there is none
  };
  io::Task<> compare();
  io::Task<Objects> read();
  io::Task<Json> find(std::string path);
  io::Task<Json> make_own();
  // load gives null for a Secret that is not there, and for one that can't be used, which is said
  // on it.
  io::Task<AuthorityPtr> load(Json secret);
  io::Task<> write(std::string path, Json object, Json was);
  void adopt(AuthorityPtr authority);
  std::string path(const kube::Resource& resource, std::string_view name) const;

  io::Loop& loop_;
  Rng& rng_;
  kube::Client& client_;
  Events& events_;
  KeeperOptions options_;
  AuthorityPtr in_force_;
  std::map<std::string, AuthorityPtr> loaded_;  // by name and resourceVersion of their Secrets
  std::optional<io::TimePoint> compared_;       // when that was known to be so
  std::size_t root_count_ = 0;
  std::string problem_;
  std::optional<std::chrono::sys_seconds> due_;  // of a succession; said once
  io::Event compared_event_;
  obs::RateLimitedLog log_{{.level = obs::Level::warn, .scope = "signer::authority"}};
};

}  // namespace culvert::signer
