// SPDX-License-Identifier: Apache-2.0
#include "agent/signer/events.h"

#include <fmt/format.h>

#include "agent/kube/decode.h"
#include "agent/kube/resources.h"
#include "ztunnel/lib/base/rfc3339.h"
#include "ztunnel/lib/obs/log.h"

namespace culvert::signer {
namespace {

constexpr int kConflict = 409;
constexpr const char* kComponent = "culvert-signer";

// What an Event says about whom it is about.
Json to_refer(const Json& object) {
  const Json& metadata = child(object, "metadata");
  Json reference = {{"apiVersion", text(object, "apiVersion")},
                    {"kind", text(object, "kind")},
                    {"name", text(metadata, "name")},
                    {"uid", text(metadata, "uid")}};
  if (const auto in_namespace = text(metadata, "namespace"); !in_namespace.empty()) {
    reference["namespace"] = in_namespace;
  }
  return reference;
}

}  // namespace

io::Task<> Events::warn(Json object, std::string reason, std::string sentence) {
  Json about = to_refer(object);
  const auto name = text(about, "name");
  const auto event = fmt::format("{}.{:016x}", name,
                                 std::hash<std::string>()(text(about, "uid") + reason + sentence));
  std::erase_if(said_, [&](const auto& each) { return loop_.now() - each.second >= kSayAgain; });
  if (!said_.emplace(event, loop_.now()).second) {
    co_return;
  }
  obs::log(obs::Level::warn, "signer", sentence,
           {{"object", text(about, "kind") + " " + name}, {"reason", reason}});
  // Events on objects without a namespace are in this one, as kube-apiserver demands.
  auto in_namespace = text(about, "namespace");
  in_namespace = in_namespace.empty() ? "default" : in_namespace;
  const auto now = to_rfc3339(clock_());
  Json body = {{"apiVersion", "v1"},
               {"kind", "Event"},
               {"metadata", {{"name", event}, {"namespace", in_namespace}}},
               {"type", "Warning"},
               {"reason", std::move(reason)},
               {"message", std::move(sentence)},
               {"source", {{"component", kComponent}}},
               {"firstTimestamp", now},
               {"lastTimestamp", now},
               {"count", 1}};
  body["involvedObject"] = std::move(about);
  const auto made = co_await io::as_result(
      client_.call({.verb = kube::Verb::create,
                    .path = kube::collection_path(kube::kEvents, in_namespace),
                    .body = std::move(body)}));
  if (made || kube::http_status(made.error()) == kConflict) {
    co_return;  // another replica was first
  }
  if (made.error().code == Errc::cancelled) {
    co_await fail(made.error());
  }
  said_.erase(event);
  obs::log(obs::Level::warn, "signer", "an Event could not be written", {{"error", made.error()}});
}

}  // namespace culvert::signer
