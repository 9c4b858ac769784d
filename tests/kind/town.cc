// SPDX-License-Identifier: Apache-2.0
#include "tests/kind/town.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "tests/support/lab_error.h"

namespace culvert::lab {

namespace {

constexpr const char* kReadyTime = "--timeout=90s";

// A web server of busybox with one page, which is a script.
constexpr const char* kServe = R"(mkdir -p /www/cgi-bin
cat >/www/cgi-bin/who <<'END'
#!/usr/local/bin/busybox sh
printf 'Content-Type: text/plain\r\n\r\n%s %s\n' "$HOSTNAME" "$REMOTE_ADDR"
END
chmod +x /www/cgi-bin/who
exec httpd -f -p 0.0.0.0:8080 -h /www)";

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
    image: culvert/apps:{version}
    command: {command}
{more}
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
                    fmt::arg("spec", indented(options.spec, 2)),
                    fmt::arg("version", CULVERT_VERSION),
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

Outcome Town::in_pod(const std::string& pod, const Command& command, Milliseconds limit) const {
  Command all{"exec", pod, "--"};
  all.insert(all.end(), command.begin(), command.end());
  return kubectl(all, limit);
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

}  // namespace culvert::lab
