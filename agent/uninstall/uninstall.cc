// SPDX-License-Identifier: Apache-2.0
#include "agent/uninstall/uninstall.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "agent/kube/decode.h"
#include "agent/kube/fields.h"
#include "agent/kube/resources.h"
#include "agent/mesh/redirection_annotation.h"
#include "agent/signer/names.h"

namespace culvert::uninstall {

namespace {

using kube::child;
using kube::items;
using kube::number;
using kube::text;
using nlohmann::json;
using namespace std::chrono_literals;

const kube::Resource kDaemonSet{"apps/v1", "DaemonSet", "daemonsets"};
const kube::Resource kDeployment{"apps/v1", "Deployment", "deployments"};

constexpr const char* kAgent = "culvert-agent";
constexpr const char* kSigner = "culvert-signer";
constexpr const char* kRemoval = "remove";  // the init container
constexpr auto kLookAgain = 1s;

// What the signer made. cacerts is the user's.
const std::pair<kube::Resource, const char*> kMadeBySigner[] = {
    {kube::kSecrets, signer::kOwnSecret},
    {kube::kSecrets, signer::kInForce},
    {kube::kConfigMaps, signer::kRootsMap},
};

class Uninstall {
 public:
  Uninstall(io::Loop& loop, kube::Client& client, const Options& options)
      : loop_(loop), client_(client), options_(options) {}

  io::Task<> stop_signer();
  io::Task<> release_nodes();
  io::Task<> clear_annotations();
  io::Task<> delete_requests();
  io::Task<> delete_certificates();

 private:
  std::string path_of(const kube::Resource& resource, std::string_view name) const {
    return kube::object_path(resource, options_.in_namespace, name);
  }
  // call, but null where the object is not there.
  io::Task<json> call_if_there(kube::Request request);
  // page gives a page of a list: the first if `next` is empty, which becomes empty at the last.
  io::Task<json> page(std::string path, kube::Query selectors, std::string& next);
  io::Task<std::string> nodes_left();

  io::Loop& loop_;
  kube::Client& client_;
  const Options& options_;
};

Result<json> removing(const json& daemon_set);
bool is_done(const json& daemon_set);
const json& pod_spec(const json& daemon_set);

}  // namespace

// Removal needs no certificates, and a signer that runs would make its Secrets again.
io::Task<> remove_from_cluster(io::Loop& loop, kube::Client& client, Options options) {
  Uninstall uninstall(loop, client, options);
  co_await uninstall.stop_signer();
  co_await uninstall.release_nodes();
  co_await uninstall.clear_annotations();
  co_await uninstall.delete_requests();
  co_await uninstall.delete_certificates();
}

namespace {

io::Task<> Uninstall::stop_signer() {
  const auto path = path_of(kDeployment, kSigner);
  const auto scaled = co_await call_if_there({.verb = kube::Verb::merge_patch,
                                              .path = path + "/scale",
                                              .body = {{"spec", {{"replicas", 0}}}}});
  if (scaled.is_null()) {
    co_return;
  }
  options_.say("the signer ends");
  const auto deadline = loop_.now() + options_.nodes_within;
  for (;;) {
    const auto deployment = co_await call_if_there({.path = path});
    if (deployment.is_null() || number(child(deployment, "status"), "replicas") == 0) {
      co_return;
    }
    if (loop_.now() > deadline) {
      co_await fail(Errc::timed_out,
                    "the pods of deployment culvert-signer did not end; delete "
                    "them, and run this again");
    }
    co_await loop_.sleep(kLookAgain);
  }
}

io::Task<> Uninstall::release_nodes() {
  const auto path = path_of(kDaemonSet, kAgent);
  auto daemon_set = co_await call_if_there({.path = path});
  if (daemon_set.is_null()) {
    options_.say("there is no DaemonSet culvert-agent: the nodes are left as they are");
    co_return;
  }
  if (items(child(pod_spec(daemon_set), "initContainers")).empty()) {  // not asked for yet
    auto patch = co_await removing(daemon_set);
    daemon_set = co_await client_.call(
        {.verb = kube::Verb::merge_patch, .path = path, .body = std::move(patch)});
  }
  options_.say("every node's agent releases its pods");
  const auto deadline = loop_.now() + options_.nodes_within;
  while (!daemon_set.is_null() && !is_done(daemon_set)) {
    if (loop_.now() > deadline) {
      const auto left = co_await nodes_left();
      co_await fail(
          Errc::timed_out,
          fmt::format("these nodes are not released: {}; look at their culvert-agent pod and run "
                      "this again, or take the node away, or skip this with helm uninstall "
                      "--no-hooks",
                      left));
    }
    co_await loop_.sleep(kLookAgain);
    daemon_set = co_await call_if_there({.path = path});
  }
  options_.say("every node is released");
}

io::Task<std::string> Uninstall::nodes_left() {
  std::vector<std::string> nodes;
  std::string next;
  do {
    const auto pods =
        co_await page(kube::collection_path(kube::kPods, options_.in_namespace),
                      {{"labelSelector", fmt::format("app.kubernetes.io/name={}", kAgent)}}, next);
    for (const auto& pod : items(child(pods, "items"))) {
      const auto conditions = items(child(child(pod, "status"), "conditions"));
      const bool ready = std::ranges::any_of(conditions, [](const json& condition) {
        return text(condition, "type") == "Ready" && text(condition, "status") == "True";
      });
      if (!ready) {
        nodes.push_back(text(child(pod, "spec"), "nodeName"));
      }
    }
  } while (!next.empty());
  co_return nodes.empty() ? "(the DaemonSet does not say which)"
                          : fmt::format("{}", fmt::join(nodes, ", "));
}

// All are found first, since a list that is read for minutes expires.
io::Task<> Uninstall::clear_annotations() {
  std::vector<std::string> captured;
  std::string next;
  do {
    const auto pods = co_await page(kube::collection_path(kube::kPods), {}, next);
    for (const auto& pod : items(child(pods, "items"))) {
      const auto& metadata = child(pod, "metadata");
      if (!text(child(metadata, "annotations"), mesh::kRedirectionAnnotation).empty()) {
        captured.push_back(
            kube::object_path(kube::kPods, text(metadata, "namespace"), text(metadata, "name")));
      }
    }
  } while (!next.empty());
  int cleared = 0;
  for (const auto& path : captured) {
    const auto patched = co_await call_if_there(
        {.verb = kube::Verb::merge_patch,
         .path = path + "/status",
         .body = {{"metadata", {{"annotations", {{mesh::kRedirectionAnnotation, nullptr}}}}}}});
    cleared += patched.is_null() ? 0 : 1;
  }
  options_.say(
      fmt::format("the annotation {} is gone from {} pods", mesh::kRedirectionAnnotation, cleared));
}

io::Task<> Uninstall::delete_requests() {
  std::vector<std::string> made;
  std::string next;
  do {
    const auto requests = co_await page(
        kube::collection_path(kube::kSigningRequests),
        {{"fieldSelector", fmt::format("spec.signerName={}", signer::kSignerName)}}, next);
    for (const auto& request : items(child(requests, "items"))) {
      made.push_back(
          kube::object_path(kube::kSigningRequests, {}, text(child(request, "metadata"), "name")));
    }
  } while (!next.empty());
  for (const auto& path : made) {
    co_await call_if_there({.verb = kube::Verb::remove, .path = path});
  }
}

io::Task<> Uninstall::delete_certificates() {
  for (const auto& [resource, name] : kMadeBySigner) {
    const auto gone =
        co_await call_if_there({.verb = kube::Verb::remove, .path = path_of(resource, name)});
    if (!gone.is_null()) {
      options_.say(fmt::format("{} {} is deleted", resource.kind, name));
    }
  }
}

io::Task<json> Uninstall::call_if_there(kube::Request request) {
  auto answer = co_await io::as_result(client_.call(std::move(request)));
  if (!answer && kube::http_status(answer.error()) == 404) {
    co_return json();
  }
  co_return co_await std::move(answer);
}

io::Task<json> Uninstall::page(std::string path, kube::Query selectors, std::string& next) {
  selectors.emplace_back("limit", "100");
  if (!next.empty()) {
    selectors.emplace_back("continue", next);
  }
  auto page = co_await client_.call({.path = std::move(path), .query = std::move(selectors)});
  next = text(child(page, "metadata"), "continue");
  co_return page;
}

// The agent's container, that removes once and then stays, so that the pod is ready when its node
// is done.
Result<json> removing(const json& daemon_set) {
  json containers = child(pod_spec(daemon_set), "containers");
  if (items(containers).size() != 1 || !child(containers[0], "args").is_array()) {
    return fail(Errc::config,
                "DaemonSet culvert-agent has not the one container with args that it is installed "
                "with: install it anew, then uninstall");
  }
  json& stays = containers[0];
  stays.erase("readinessProbe");
  stays["args"].push_back("--remove");
  json removes = stays;
  removes["name"] = kRemoval;
  removes["args"].push_back("--drain");
  stays["args"].push_back("--stay");
  return json{
      {"spec",
       {{"updateStrategy", {{"rollingUpdate", {{"maxUnavailable", "100%"}}}}},
        {"template",
         {{"spec", {{"initContainers", json::array({removes})}, {"containers", containers}}}}}}}};
}

bool is_done(const json& daemon_set) {
  const auto& status = child(daemon_set, "status");
  const auto wanted = number(status, "desiredNumberScheduled");
  return number(status, "observedGeneration") >=
             number(child(daemon_set, "metadata"), "generation") &&
         number(status, "updatedNumberScheduled") == wanted &&
         number(status, "numberReady") == wanted;
}

const json& pod_spec(const json& daemon_set) {
  return child(child(child(daemon_set, "spec"), "template"), "spec");
}

}  // namespace

}  // namespace culvert::uninstall
