// SPDX-License-Identifier: Apache-2.0
#include "agent/mesh/kubernetes_source.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <utility>

#include "ztunnel/lib/io/scope.h"

namespace culvert::mesh {
namespace {

// A pod names its service account, and nothing else of one counts: what is not read needs no right.
bool counts(const Kind& kind) {
  return kind.name != "ServiceAccount";
}

// Istio's and the Gateway API's kinds come with CRDs. All others are the API server's own: one that
// does not know them is none.
bool is_built_in(const Kind& kind) {
  return kind.group.empty() || kind.group == "discovery.k8s.io";
}

kube::ReflectorOptions options_of(const Kind& kind) {
  return {.resource = {.api_version = kind.group.empty()
                                          ? std::string(kind.version)
                                          : fmt::format("{}/{}", kind.group, kind.version),
                       .kind = std::string(kind.name),
                       .plural = std::string(kind.plural)},
          .built_in = is_built_in(kind)};
}

}  // namespace

KubernetesSource::KubernetesSource(io::Loop& loop, Rng& rng, kube::Client& client,
                                   std::string server)
    : loop_(loop), server_(std::move(server)) {
  for (const auto& kind : kinds()) {
    if (counts(kind)) {
      reflectors_.push_back(std::make_unique<kube::Reflector>(loop, rng, client, options_of(kind),
                                                              consumer_of(kind)));
    }
  }
}

kube::Consumer KubernetesSource::consumer_of(const Kind& kind) {
  // What a list names counts at once; only what it does not name waits for its end. A list that
  // breaks off has so removed nothing, and nothing is kept twice meanwhile.
  return {.on_replace_begin = [this, &kind] { store_.begin_list(kind); },
          .on_replace_item = [this, &kind](const auto& object) { note(store_.put(kind, object)); },
          .on_replace_end = [this, &kind] { note(store_.end_list(kind)); },
          .on_changed = [this, &kind](const auto& object) { note(store_.put(kind, object)); },
          .on_deleted = [this, &kind](const auto& object) { note(store_.remove(kind, object)); },
          .on_status = [this] { note(true); }};
}

void KubernetesSource::note(bool changed) {
  if (changed) {
    changed_ = true;
    noted_.notify_all();
  }
}

io::Task<> KubernetesSource::run() {
  io::Scope scope(loop_);
  for (const auto& reflector : reflectors_) {
    scope.spawn(reflector->run());
  }
  co_await scope.join();
}

io::Task<> KubernetesSource::wait(io::Loop& /*loop*/) {
  while (!changed_) {
    co_await noted_.wait();
  }
}

bool KubernetesSource::refresh() {
  return std::exchange(changed_, false);
}

bool KubernetesSource::complete() const {
  return std::ranges::all_of(reflectors_,
                             [](const auto& reflector) { return reflector->status().synced(); });
}

std::vector<Problem> KubernetesSource::problems() const {
  auto all = store_.problems();
  // The kinds share a connection and with it most troubles: each is told once.
  std::set<std::string> troubles;
  for (const auto& reflector : reflectors_) {
    if (const auto& error = reflector->status().error; !error.empty()) {
      troubles.insert(error);
    }
  }
  for (const auto& trouble : troubles) {
    all.push_back(
        {.file = {},
         .object = {},
         .sentence = fmt::format("the cluster is not followed, and tried again: {}", trouble)});
  }
  return all;
}

std::string KubernetesSource::description() const {
  std::vector<std::string> unread;
  std::vector<std::string> absent;
  for (const auto& reflector : reflectors_) {
    const auto& [version, kind, plural] = reflector->resource();
    switch (reflector->status().presence) {
      case kube::Presence::unknown: unread.push_back(plural); break;
      case kube::Presence::absent:
        absent.push_back(fmt::format("{} of {}", plural, version));
        break;
      case kube::Presence::present: break;
    }
  }
  auto text = "the Kubernetes API at " + server_;
  if (!unread.empty()) {
    text += fmt::format("; not read yet: {}", fmt::join(unread, ", "));
  }
  if (!absent.empty()) {
    text += fmt::format("; not installed: {}", fmt::join(absent, ", "));
  }
  return text;
}

}  // namespace culvert::mesh
