// SPDX-License-Identifier: Apache-2.0
#include "agent/signer/signing.h"

#include <fmt/format.h>

#include "agent/kube/decode.h"
#include "agent/kube/resources.h"
#include "ztunnel/lib/base/base64.h"
#include "ztunnel/lib/base/rfc3339.h"

namespace culvert::signer {
namespace {

constexpr std::string_view kScope = "signer";
constexpr int kNotFound = 404;
constexpr int kConflict = 409;

using State = CertificateRequest::State;

obs::Counter& counter(obs::Metrics& metrics, const char* result) {
  return metrics.counter("culvert_signer_requests_total",
                         "Certificate requests that this replica signed, refused, or could not "
                         "serve at once",
                         {{"result", result}});
}

// The object, or its state, has changed meanwhile: another replica was faster, or it is gone.
bool is_overtaken(const Error& error) {
  const int status = kube::http_status(error);
  return status == kConflict || status == kNotFound;
}

// What the API server says is taken for granted nowhere, so neither is the form of a status.
Json& status_of(Json& object) {
  Json& status = object["status"];
  if (!status.is_object()) {
    status = Json::object();
  }
  return status;
}

Json& conditions_of(Json& object) {
  Json& conditions = status_of(object)["conditions"];
  if (!conditions.is_array()) {
    conditions = Json::array();
  }
  return conditions;
}

}  // namespace

Signing::Signing(io::Loop& loop, Rng& rng, kube::Client& client, AuthorityKeeper& keeper,
                 Events& events, obs::Metrics& metrics, Rules rules, Clock clock)
    : loop_(loop),
      client_(client),
      keeper_(keeper),
      events_(events),
      rules_(std::move(rules)),
      clock_(std::move(clock)),
      signed_(counter(metrics, "signed")),
      refused_(counter(metrics, "refused")),
      failed_(counter(metrics, "failed")),
      reflector_(loop, rng, client,
                 {.resource = kube::kSigningRequests,
                  .selectors = {{"fieldSelector", fmt::format("spec.signerName={}", kSignerName)}},
                  .built_in = true},
                 consumer()) {}

io::Task<> Signing::run() {
  io::Scope scope(loop_);
  scope.spawn(reflector_.run());
  scope.spawn(remove_old_ones());
  for (int i = 0; i < kServedAtOnce; ++i) {
    scope.spawn(serve_queue());
  }
  co_await scope.join();
}

kube::Consumer Signing::consumer() {
  return {
      .on_replace_begin = [this] { listed_.clear(); },
      .on_replace_item = [this](const Json& object) { take(object, listed_); },
      .on_replace_end =
          [this] {
            for (auto& [name, request] : listed_) {
              if (const auto before = requests_.find(name); before != requests_.end()) {
                request.queued = before->second.queued;
                request.again = before->second.queued;
              }
            }
            requests_ = std::move(listed_);
            listed_.clear();
            for (auto& [name, request] : requests_) {
              enqueue(name, request);
            }
          },
      .on_changed =
          [this](const Json& object) {
            take(object, requests_);
            if (const auto found = requests_.find(text(child(object, "metadata"), "name"));
                found != requests_.end()) {
              enqueue(found->first, found->second);
            }
          },
      .on_deleted =
          [this](const Json& object) { requests_.erase(text(child(object, "metadata"), "name")); }};
}

void Signing::take(const Json& object, Requests& into) {
  auto said = read_request(object);
  if (!said || said->signer != kSignerName) {
    return;  // none of ours: the selector lets no such pass
  }
  Request& request = into[said->name];
  request.object = said->state == State::closed ? Json() : object;
  request.said = std::move(*said);
}

void Signing::enqueue(const std::string& name, Request& request) {
  if (request.queued) {
    request.again = true;
  } else if (request.said.state != State::closed) {
    request.queued = true;
    queue_.push_back(name);
    queued_.notify_one();
  }
}

io::Task<> Signing::serve_queue() {
  for (;;) {
    while (queue_.empty()) {
      co_await queued_.wait();
    }
    const std::string name = std::move(queue_.front());
    queue_.pop_front();
    auto found = requests_.find(name);
    if (found == requests_.end()) {
      continue;
    }
    found->second.again = false;
    const auto served = co_await io::as_result(serve(found->second.said, found->second.object));
    const bool failed = !served && !is_overtaken(served.error());
    if (failed && served.error().code == Errc::cancelled) {
      co_await fail(served.error());
    }
    if (failed) {
      failed_.add();
      log_.log(loop_.now(), "failed", "a request can't be served now; trying again",
               {{"request", name}, {"error", served.error()}});
      co_await loop_.sleep(kServeAgain);
    }
    found = requests_.find(name);
    if (found != requests_.end()) {
      found->second.queued = false;
      if (served) {  // the API server tells so too, after our own steps on the way
        found->second.said.state = State::closed;
        found->second.object = {};
      } else if (failed || found->second.again) {
        enqueue(name, found->second);
      }
    }
  }
}

io::Task<> Signing::serve(CertificateRequest request, Json object) {
  if (request.state == State::closed) {
    co_return;
  }
  auto grant = judge(request, rules_);
  if (!grant) {
    co_await refuse(std::move(request), std::move(object), to_string(grant.error()));
    co_return;
  }
  const auto pods = co_await client_.call({.path = pods_path(*grant), .query = pods_query(*grant)});
  if (!has_pod(pods, *grant)) {
    co_await refuse(std::move(request), std::move(object), no_pod(*grant));
    co_return;
  }
  co_await sign(std::move(*grant), std::move(request), std::move(object));
}

io::Task<> Signing::sign(Grant grant, CertificateRequest request, Json object) {
  co_await keeper_.wait();
  const tls::CertificateAuthority& authority = *keeper_.current();
  std::string chain = co_await authority.sign(request.csr, grant.id, clock_(), grant.lifetime);
  for (const auto& intermediate : authority.intermediates()) {
    chain += intermediate;
  }
  if (request.state == State::waiting) {
    object = co_await with_condition(
        std::move(object), "Approved", "PodRunsThere",
        fmt::format("a pod of the service account {}/{} runs on the node {}", grant.id.ns,
                    grant.id.service_account, grant.node));
  }
  status_of(object)["certificate"] = to_base64(as_bytes(chain));
  (void)co_await put(std::move(object), "/status");
  signed_.add();
  obs::log(obs::Level::info, kScope, "certificate signed",
           {{"identity", to_string(grant.id)}, {"node", grant.node}, {"request", request.name}});
}

io::Task<> Signing::refuse(CertificateRequest request, Json object, std::string sentence) {
  // What a person has approved can't be denied any more.
  const char* type = request.state == State::approved ? "Failed" : "Denied";
  (void)co_await with_condition(object, type, "CertificateRefused", sentence);
  refused_.add();
  co_await events_.warn(std::move(object), "CertificateRefused", std::move(sentence));
}

io::Task<Json> Signing::with_condition(Json object, std::string type, std::string reason,
                                       std::string sentence) {
  const char* subresource = type == "Failed" ? "/status" : "/approval";
  conditions_of(object).push_back({{"type", std::move(type)},
                                   {"status", "True"},
                                   {"reason", std::move(reason)},
                                   {"message", std::move(sentence)},
                                   {"lastUpdateTime", to_rfc3339(clock_())}});
  co_return co_await put(std::move(object), subresource);
}

io::Task<Json> Signing::put(Json object, const char* subresource) {
  auto path =
      kube::object_path(kube::kSigningRequests, {}, text(child(object, "metadata"), "name")) +
      subresource;
  co_return co_await client_.call(
      {.verb = kube::Verb::replace, .path = std::move(path), .body = std::move(object)});
}

// Agents may not delete: who can delete one request can delete them all.
io::Task<> Signing::remove_old_ones() {
  for (;;) {
    co_await loop_.sleep(kRemovalInterval);
    std::vector<std::string> old;
    for (const auto& [name, request] : requests_) {
      if (request.said.created + kRequestLife <= clock_()) {
        old.push_back(name);
      }
    }
    for (const auto& name : old) {
      const auto removed = co_await io::as_result(
          client_.call({.verb = kube::Verb::remove,
                        .path = kube::object_path(kube::kSigningRequests, {}, name)}));
      if (!removed && removed.error().code == Errc::cancelled) {
        co_await fail(removed.error());
      }
      if (!removed && !is_overtaken(removed.error())) {
        log_.log(loop_.now(), "removal", "an old request can't be removed; trying again",
                 {{"request", name}, {"error", removed.error()}});
        break;  // until the next time
      }
    }
  }
}

}  // namespace culvert::signer
