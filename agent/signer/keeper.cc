// SPDX-License-Identifier: Apache-2.0
#include "agent/signer/keeper.h"

#include <fmt/format.h>

#include "agent/kube/decode.h"
#include "agent/kube/resources.h"
#include "ztunnel/lib/base/rfc3339.h"
#include "ztunnel/lib/obs/log.h"

namespace culvert::signer {
namespace {

constexpr std::string_view kScope = "signer::authority";
constexpr int kNotFound = 404;
constexpr int kConflict = 409;

}  // namespace

io::Task<> AuthorityKeeper::run() {
  for (;;) {
    auto compared = co_await io::as_result(compare());
    if (!compared && compared.error().code == Errc::cancelled) {
      co_await fail(compared.error());
    }
    if (!compared) {
      problem_ = to_string(compared.error());
      // Two replicas that were in each other's way must not be so again.
      co_await loop_.sleep(kCompareAgain + std::chrono::milliseconds(rng_.below(1000)));
      if (kube::http_status(compared.error()) != kConflict) {
        log_.log(loop_.now(), "failed", "the CA's objects can't be compared; trying again",
                 {{"error", compared.error()}});
      }
      continue;
    }
    co_await loop_.sleep(kCompareInterval);
  }
}

const tls::CertificateAuthority* AuthorityKeeper::current() const {
  const bool known = compared_ && loop_.now() - *compared_ < kFreshWithin;
  return known && in_force_ ? &in_force_->ca : nullptr;
}

io::Task<> AuthorityKeeper::wait() {
  while (current() == nullptr) {
    co_await compared_event_.wait();
  }
}

std::string AuthorityKeeper::problem() const {
  if (current() != nullptr) {
    return {};
  }
  return problem_.empty() ? "no CA is in force yet" : problem_;
}

// One look at everything, and what follows from it. Roots are published before a leaf leads there.
io::Task<> AuthorityKeeper::compare() {
  Objects objects = co_await read();
  auto in_force = co_await load(objects.in_force);
  if (objects.given.is_null() && (!in_force || in_force->source == kOwnSecret)) {
    objects.given = co_await make_own();
  } else if (objects.given.is_null()) {
    co_await events_.warn(objects.in_force, "MissingCA",
                          fmt::format("the Secret {}/{} is gone; the CA that it gave goes on "
                                      "signing: give it again, or another one",
                                      options_.in_namespace, in_force->source));
  }
  auto given = co_await load(objects.given);
  const auto now = std::chrono::floor<std::chrono::seconds>(options_.clock());
  const auto published = read_roots(objects.roots, now);
  auto decided = decide(in_force.get(), given.get(), published, now, options_.overlap);
  auto map = write_roots(options_.in_namespace, decided, in_force.get());
  if (map["data"] != child(objects.roots, "data")) {
    co_await write(path(kube::kConfigMaps, kRootsMap), std::move(map), std::move(objects.roots));
  }
  if (decided.roots != published) {
    obs::log(obs::Level::info, kScope, "roots published", {{"count", decided.roots.size()}});
  }
  if (decided.succeeds) {
    co_await write(path(kube::kSecrets, kInForce),
                   write_secret(options_.in_namespace, kInForce, given->parts, given->source),
                   objects.in_force);
    obs::log(obs::Level::info, kScope, "another CA signs from now on",
             {{"secret", given->source}, {"root", given->signing_root}});
    in_force = given;
  }
  if (decided.due && decided.due != due_) {
    obs::log(obs::Level::info, kScope, "a new root is published, and signs when all know it",
             {{"root", given->signing_root}, {"from", to_rfc3339(*decided.due)}});
  }
  due_ = decided.due;
  root_count_ = decided.roots.size();
  adopt(std::move(in_force));
}

io::Task<AuthorityKeeper::Objects> AuthorityKeeper::read() {
  Objects objects;
  objects.given = co_await find(path(kube::kSecrets, kGivenSecret));
  if (objects.given.is_null()) {
    objects.given = co_await find(path(kube::kSecrets, kOwnSecret));
  }
  objects.in_force = co_await find(path(kube::kSecrets, kInForce));
  objects.roots = co_await find(path(kube::kConfigMaps, kRootsMap));
  co_return objects;
}

// Gives null for what is not there.
io::Task<Json> AuthorityKeeper::find(std::string path) {
  auto found = co_await io::as_result(client_.call({.path = std::move(path)}));
  if (!found && kube::http_status(found.error()) == kNotFound) {
    co_return Json();
  }
  co_return co_await std::move(found);
}

// Of replicas that start at once the API server lets one create it, and the others read it.
io::Task<Json> AuthorityKeeper::make_own() {
  const auto parts = co_await make_authority(options_.trust_domain, options_.clock());
  auto made = co_await io::as_result(
      client_.call({.verb = kube::Verb::create,
                    .path = kube::collection_path(kube::kSecrets, options_.in_namespace),
                    .body = write_secret(options_.in_namespace, kOwnSecret, parts)}));
  if (!made && kube::http_status(made.error()) == kConflict) {
    co_return co_await find(path(kube::kSecrets, kOwnSecret));
  }
  if (made) {
    obs::log(obs::Level::info, kScope, "a root was made", {{"secret", kOwnSecret}});
  }
  co_return co_await std::move(made);
}

io::Task<AuthorityPtr> AuthorityKeeper::load(Json secret) {
  if (secret.is_null()) {
    co_return nullptr;
  }
  const Json& metadata = child(secret, "metadata");
  const auto key = text(metadata, "name") + "@" + text(metadata, "resourceVersion");
  const auto now = options_.clock();
  std::erase_if(loaded_, [&](const auto& each) { return each.second->ca.not_after() <= now; });
  if (const auto found = loaded_.find(key); found != loaded_.end()) {
    co_return found->second;
  }
  auto read = read_authority(secret, options_.trust_domain, now);
  if (!read) {
    problem_ = to_string(read.error());
    co_await events_.warn(std::move(secret), "UnusableCA",
                          problem_ + "; a CA that was in force before goes on signing");
    co_return nullptr;
  }
  std::erase_if(loaded_, [&](const auto& each) {
    return each.first.starts_with(text(metadata, "name") + "@");
  });
  auto authority = std::make_shared<const Authority>(std::move(*read));
  loaded_.emplace(key, authority);
  co_return authority;
}

// Fails with 409 where another has written it since it `was` read.
io::Task<> AuthorityKeeper::write(std::string path, Json object, Json was) {
  if (was.is_null()) {
    path.erase(path.rfind('/'));
    (void)co_await client_.call(
        {.verb = kube::Verb::create, .path = std::move(path), .body = std::move(object)});
    co_return;
  }
  object["metadata"]["resourceVersion"] = text(child(was, "metadata"), "resourceVersion");
  (void)co_await client_.call(
      {.verb = kube::Verb::replace, .path = std::move(path), .body = std::move(object)});
}

void AuthorityKeeper::adopt(AuthorityPtr authority) {
  in_force_ = std::move(authority);
  compared_ = loop_.now();
  if (in_force_) {
    problem_.clear();
  }
  compared_event_.notify_all();
}

std::string AuthorityKeeper::path(const kube::Resource& resource, std::string_view name) const {
  return kube::object_path(resource, options_.in_namespace, name);
}

}  // namespace culvert::signer
