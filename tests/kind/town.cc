// SPDX-License-Identifier: Apache-2.0
#include "tests/kind/town.h"

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "tests/support/lab_error.h"

namespace culvert::lab {

namespace {

constexpr const char* kReadyTime = "--timeout=110s";

// A web server of busybox with one page, which is a script.
constexpr const char* kServe = R"(mkdir -p /www/cgi-bin
cat >/www/cgi-bin/who <<'END'
#!/usr/local/bin/busybox sh
printf 'Content-Type: text/plain\r\n\r\n%s %s\n' "$HOSTNAME" "$REMOTE_ADDR"
END
chmod +x /www/cgi-bin/who
exec httpd -f -p ${LISTEN:-0.0.0.0}:8080 -h /www)";

constexpr const char* kReadiness =
    "readinessProbe: {httpGet: {path: /cgi-bin/who, port: 8080}, periodSeconds: 1}";

constexpr const char* kPod = R"(apiVersion: v1
kind: ServiceAccount
metadata: {{name: {name}}}
---
apiVersion: v1
kind: Pod
metadata: {{name: {name}, labels: {{app: {name}, {labels}}}}}
spec:
  serviceAccountName: {name}
  terminationGracePeriodSeconds: 0
  {node}
{spec}
  containers:
  - name: app
    image: {image}
    command: {command}
{more}
)";

constexpr const char* kStatefulServer = R"(apiVersion: v1
kind: Service
metadata: {{name: {name}}}
spec: {{clusterIP: None, selector: {{app: {name}}}, ports: [{{port: 8080}}]}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {{name: {name}}}
spec:
  serviceName: {name}
  replicas: {replicas}
  podManagementPolicy: Parallel
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: app
        image: {image}
        command: {command}
        {readiness}
)";

constexpr const char* kService = R"(apiVersion: v1
kind: Service
metadata: {{name: {name}}}
spec: {{selector: {{app: {name}}}, ports: [{{port: 80, targetPort: 8080}}]}}
)";

// Every line of `text`, indented.
std::string indented(std::string_view text, std::size_t spaces) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    out += std::string(spaces, ' ') + std::string(text.substr(at, end - at)) + "\n";
    at = end + 1;
  }
  return out;
}

}  // namespace

std::string apps_image() {
  return "culvert/apps:" CULVERT_VERSION;
}

Town::Town(const Cluster& cluster, std::string name, std::string_view labels)
    : cluster_(cluster), name_(std::move(name)) {
  cluster_.kubectl().must_run({"delete", "namespace", name_, "--ignore-not-found"}, {}, 120s);
  cluster_.kubectl().apply(fmt::format(
      "apiVersion: v1\nkind: Namespace\nmetadata: {{name: {}, labels: {{{}}}}}\n", name_, labels));
}

Town::~Town() {
  cluster_.kubectl().run({"delete", "namespace", name_, "--wait=false"});
}

void Town::pod(const std::string& name, const Command& command, const PodOptions& options) const {
  apply(fmt::format(kPod, fmt::arg("name", name), fmt::arg("labels", options.labels),
                    fmt::arg("node", options.node.empty() ? "" : "nodeName: " + options.node),
                    fmt::arg("spec", indented(options.spec, 2)), fmt::arg("image", options.image),
                    fmt::arg("command", nlohmann::json(command).dump()),
                    fmt::arg("more", indented(options.more, 4))));
}

void Town::wait_until_ready() const {
  must_kubectl({"wait", "pod", "--all", "--for=condition=Ready", kReadyTime});
}

void Town::server(const std::string& name, PodOptions options) const {
  options.more += options.more.contains("readinessProbe") ? "" : kReadiness;
  pod(name, {"busybox", "sh", "-c", kServe}, options);
  apply(fmt::format(kService, fmt::arg("name", name)));
}

void Town::client(const std::string& name, PodOptions options) const {
  pod(name, {"busybox", "sleep", "infinity"}, options);
}

void Town::stateful_server(const std::string& name, int replicas) const {
  apply(fmt::format(
      kStatefulServer, fmt::arg("name", name), fmt::arg("replicas", replicas),
      fmt::arg("image", apps_image()), fmt::arg("readiness", kReadiness),
      fmt::arg("command", nlohmann::json(Command{"busybox", "sh", "-c", kServe}).dump())));
  must_kubectl({"rollout", "status", "statefulset/" + name, kReadyTime});
}

void Town::delete_pod(const std::string& name) const {
  must_kubectl({"delete", "pod", name});
}

void Town::enrol() const {
  cluster_.kubectl().must_run(
      {"label", "namespace", name_, fmt::format("{}=ambient", kModeLabel), "--overwrite"});
  must_kubectl(
      {"wait", "pod", "--all", kReadyTime,
       R"(--for=jsonpath={.metadata.annotations.ambient\.istio\.io/redirection}=enabled)"});
}

void Town::leave() const {
  cluster_.kubectl().must_run({"label", "namespace", name_, fmt::format("{}-", kModeLabel)});
  expect(eventually(60s,
                    [&] {
                      return !must_kubectl({"get", "pods", "-o", "yaml"})
                                  .contains("ambient.istio.io/redirection");
                    }),
         "pods of {} are still in the mesh a minute after its label went", name_);
}

std::string Town::ip(const std::string& pod) const {
  return get(pod, ".status.podIP");
}

std::string Town::get(const std::string& pod, std::string_view path) const {
  return must_kubectl({"get", "pod", pod, "-o", fmt::format("jsonpath={{{}}}", path)});
}

Command Town::exec(const std::string& pod, const Command& command) const {
  Command all{"-n", name_, "exec", pod, "--"};
  all.insert(all.end(), command.begin(), command.end());
  return cluster_.kubectl().command(all);
}

Outcome Town::in_pod(const std::string& pod, const Command& command, Milliseconds limit) const {
  return run({}, exec(pod, command), limit);
}

Outcome Town::ask(const std::string& pod, const std::string& host, std::string_view query) const {
  return in_pod(pod, {"curl", "-sSf", "--max-time", "5",
                      fmt::format("http://{}/cgi-bin/who?{}", host, query)});
}

void Town::apply(std::string_view yaml) const {
  must_kubectl({"apply", "--server-side", "-f", "-"}, yaml);
}

Outcome Town::kubectl(const Command& arguments, Milliseconds limit) const {
  Command all{"-n", name_};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return cluster_.kubectl().run(all, {}, limit);
}

std::string Town::must_kubectl(const Command& arguments, std::string_view input) const {
  Command all{"-n", name_};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return cluster_.kubectl().must_run(all, input, 120s);
}

bool answered(const Town& town, const std::string& pod, const std::string& host,
              std::string_view query) {
  Outcome last;
  const bool is = eventually(15s, [&] { return (last = town.ask(pod, host, query)).ok(); });
  if (!is) {
    std::fprintf(stderr, "%s got no answer from %s: %s\n", pod.c_str(), host.c_str(),
                 last.err.c_str());
  }
  return is;
}

}  // namespace culvert::lab
