// The lines of a cluster: its API server, its nodes, and what else is in it.
// SPDX-License-Identifier: Apache-2.0
#include "tools/culvertctl/check/cluster_lines.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

#include "tools/culvertctl/check/pre_lines.h"
#include "tools/culvertctl/times.h"
#include "ztunnel/lib/base/rfc3339.h"

namespace culvert::ctl {
namespace {

constexpr std::string_view kCluster = "cluster";

// Since 1.30 the API server stamps on a request for a certificate on which node it was made.
constexpr std::uint64_t kMinorVersionFloor = 30;

// 1 min: certificates are valid from 2 min before they are signed (kLeafBackdate), and one node may
// be behind while another is ahead.
constexpr std::chrono::seconds kClockOffsetMax{60};

Verdict api_server(const Json& version) {
  std::uint64_t minor = 0;
  for (const char c : text(version, "minor")) {  // some write "34+"
    if (c < '0' || c > '9') {
      break;
    }
    minor = minor * 10 + static_cast<std::uint64_t>(c - '0');
  }
  const std::string name = "Kubernetes " + text(version, "gitVersion");
  if (text(version, "major") == "1" && minor < kMinorVersionFloor) {
    return failed(name + " does not say on which node a certificate is asked for",
                  fmt::format("upgrade to 1.{} or newer", kMinorVersionFloor));
  }
  return good(name);
}

std::string name_of(const Json& object) {
  return text(field(object, "metadata"), "name");
}

Verdict nodes(const Json& list) {
  std::vector<std::string> away;
  std::vector<std::string> old;
  std::size_t count = 0;
  for (const Json& node : objects_in(field(list, "items"))) {
    const auto kernel = text(field(field(node, "status"), "nodeInfo"), "kernelVersion");
    ++count;
    if (!is_ready(node)) {
      away.push_back(name_of(node));
    } else if (kernel_line(kernel, {}).state != LineState::good) {
      old.push_back(fmt::format("{} (Linux {})", name_of(node), kernel));
    }
  }
  if (!away.empty()) {
    return warning(fmt::format("not ready: {}", fmt::join(away, ", ")),
                   "kubectl describe node says why; what runs there can't be looked at");
  }
  if (!old.empty()) {
    return warning(fmt::format("older than Linux 6.1: {}", fmt::join(old, ", ")),
                   "run culvertctl check --pre on such a node, which says whether its kernel has "
                   "all that is needed");
  }
  return good(fmt::format("{} ready", count));
}

// A kubelet renews its lease every 10 s with the time of its own clock, and the API server notes
// when that was by its own.
std::optional<std::chrono::seconds> clock_offset(const Json& lease) {
  const auto of_node = parse_rfc3339(text(field(lease, "spec"), "renewTime"));
  std::optional<WallClock> of_server;
  for (const Json& entry : objects_in(field(field(lease, "metadata"), "managedFields"))) {
    of_server = std::max(of_server, parse_rfc3339(text(entry, "time")));
  }
  return of_node && of_server ? std::optional(*of_node - *of_server) : std::nullopt;
}

Verdict clocks(const Json& list) {
  std::size_t count = 0;
  std::chrono::seconds most{0};
  std::vector<std::string> off;
  for (const Json& lease : objects_in(field(list, "items"))) {
    const auto offset = clock_offset(lease);
    if (!offset) {
      continue;
    }
    const auto size = std::chrono::abs(*offset);
    ++count;
    most = std::max(most, size);
    if (size > kClockOffsetMax) {
      off.push_back(fmt::format("{} by {}", name_of(lease), short_duration(*offset)));
    }
  }
  if (!off.empty()) {
    return failed(fmt::format("off from the API server's: {}", fmt::join(off, ", ")),
                  "set them by NTP: a node refuses certificates that its clock says are not valid");
  }
  return count == 0 ? skipped("no node has renewed a lease yet")
                    : good(fmt::format("of {} {}, within {} of the API server's", count,
                                       count == 1 ? "node" : "nodes",
                                       // It notes whole seconds.
                                       short_duration(most + std::chrono::seconds(1))));
}

// What others put into a cluster to redirect pods: DaemonSets by their name, and webhooks that
// inject a sidecar by the beginning of theirs.
struct Redirect {
  const char* name;
  const char* mesh;
};
constexpr Redirect kDaemonSets[] = {{"istio-cni-node", "Istio"},
                                    {"ztunnel", "Istio"},
                                    {"linkerd-cni", "Linkerd"},
                                    {"kuma-cni-node", "Kuma"}};
constexpr Redirect kInjectors[] = {{"istio-sidecar-injector", "Istio"},
                                   {"linkerd-proxy-injector", "Linkerd"},
                                   {"kuma-admission", "Kuma"}};

Verdict other_meshes(const Json& list) {
  const Json items = objects_in(field(list, "items"));
  for (const Json& item : items) {
    const auto* const other = std::ranges::find(kDaemonSets, name_of(item), &Redirect::name);
    if (text(item, "kind") == "DaemonSet" && other != std::end(kDaemonSets)) {
      return failed(fmt::format("{} redirects pods on the nodes: DaemonSet {}/{}", other->mesh,
                                text(field(item, "metadata"), "namespace"), other->name),
                    "uninstall it first: both would redirect the same pods");
    }
  }
  for (const Json& item : items) {
    const auto name = name_of(item);
    const auto* const other = std::ranges::find_if(
        kInjectors, [&](const Redirect& injector) { return name.starts_with(injector.name); });
    if (text(item, "kind") == "MutatingWebhookConfiguration" && other != std::end(kInjectors)) {
      return warning(
          fmt::format("{} injects sidecars (webhook configuration {})", other->mesh, name),
          "label no pod as ambient that has a sidecar: its traffic would be encrypted twice");
    }
  }
  return good("none");
}

// What users write policies with. Without these kinds nobody can, and nothing else is missing.
Verdict kinds(const Json& versions, const char* version, const char* without, const char* from) {
  if (std::ranges::find(versions, Json(version)) != versions.end()) {
    return good(std::string(version) + " is served");
  }
  return warning(fmt::format("{} is not installed, so {}; all else works", version, without),
                 fmt::format("install the CRDs of {} if you want them", from));
}

Verdict pod_security(const Json& list) {
  const Json items = objects_in(field(list, "items"));
  if (items.empty()) {
    return good("not there yet; culvertctl install makes it");
  }
  constexpr const char* kLabel = "pod-security.kubernetes.io/enforce";
  const std::string level = text(field(field(items[0], "metadata"), "labels"), kLabel);
  if (level.empty() || level == "privileged") {
    return good(name_of(items[0]) + " allows privileged pods");
  }
  return failed(fmt::format("{} forbids privileged pods, as the daemons' are: PodSecurity \"{}\"",
                            name_of(items[0]), level),
                fmt::format("kubectl label --overwrite namespace {} {}=privileged",
                            name_of(items[0]), kLabel));
}

Line judged(std::string_view name, const Answer& answer, Verdict (*judge)(const Json&)) {
  return line(kCluster, name,
              answer.problem.empty() ? judge(answer.value) : skipped(answer.problem));
}

}  // namespace

bool is_ready(const Json& object) {
  const Json conditions = objects_in(field(field(object, "status"), "conditions"));
  return std::ranges::any_of(conditions, [](const Json& condition) {
    return text(condition, "type") == "Ready" && text(condition, "status") == "True";
  });
}

const std::vector<NeededRight>& rights_needed() {
  static const std::vector<NeededRight> all = {
      {"namespaces", "", false},
      {"serviceaccounts", "", true},
      {"secrets", "", true},  // Helm's note of what it has installed
      {"clusterroles", "rbac.authorization.k8s.io", false},
      {"clusterrolebindings", "rbac.authorization.k8s.io", false},
      {"roles", "rbac.authorization.k8s.io", true},
      {"rolebindings", "rbac.authorization.k8s.io", true},
      {"daemonsets", "apps", true},
      {"deployments", "apps", true},
      {"jobs", "batch", true},
  };
  return all;
}

std::string review_of_rights(const std::string& in_namespace) {
  Json items = Json::array();
  for (const auto& right : rights_needed()) {
    items.push_back({{"apiVersion", "authorization.k8s.io/v1"},
                     {"kind", "SelfSubjectAccessReview"},
                     {"spec",
                      {{"resourceAttributes",
                        {{"verb", "create"},
                         {"resource", right.resource},
                         {"group", right.group},
                         {"namespace", right.in_namespace ? in_namespace : ""}}}}}});
  }
  return Json{{"apiVersion", "v1"}, {"kind", "List"}, {"items", std::move(items)}}.dump();
}

Line rights_line(const Answer& rights, const std::string& in_namespace) {
  constexpr const char* kName = "rights";
  if (!rights.problem.empty()) {
    return line(kCluster, kName, skipped(rights.problem));
  }
  std::vector<std::string> missing;
  for (std::size_t i = 0; i < rights_needed().size(); ++i) {
    if (!rights.value.is_array() || i >= rights.value.size() || text(rights.value[i]) != "true") {
      missing.emplace_back(rights_needed()[i].resource);
    }
  }
  if (missing.empty()) {
    return line(kCluster, kName, good("you may create all that the chart makes"));
  }
  return line(kCluster, kName,
              failed(fmt::format("you may not create {}", fmt::join(missing, ", ")),
                     fmt::format("install as a cluster administrator; kubectl auth can-i create {} "
                                 "--namespace {} has to say yes",
                                 missing.front(), in_namespace)));
}

Lines cluster_lines(const ClusterAnswers& answers) {
  if (!answers.version.problem.empty()) {
    return {line(kCluster, "API server",
                 failed(answers.version.problem,
                        "KUBECONFIG and the context in it say which cluster is asked; kubectl get "
                        "nodes has to answer"))};
  }
  return {judged("API server", answers.version, api_server),
          judged("nodes", answers.nodes, nodes),
          judged("clocks", answers.leases, clocks),
          judged("other meshes", answers.redirects, other_meshes),
          judged("Istio's kinds", answers.versions,
                 [](const Json& versions) {
                   return kinds(versions, "security.istio.io/v1", "there can be no policies",
                                "Istio");
                 }),
          judged("Gateway API's kinds", answers.versions,
                 [](const Json& versions) {
                   return kinds(versions, "gateway.networking.k8s.io/v1", "waypoints can't be told",
                                "the Gateway API");
                 }),
          judged("namespace", answers.space, pod_security)};
}

}  // namespace culvert::ctl
