// Programs in a pod.
// SPDX-License-Identifier: Apache-2.0
#include "tests/support/pod.h"

#include <fmt/format.h>

#include "tests/support/lab_error.h"
#include "tests/support/paths.h"

namespace culvert::lab {

Pod::Pod(PodSpec spec, std::string netns, Node& node, std::string cgroup, std::string folder)
    : spec_(std::move(spec)),
      netns_(std::move(netns)),
      node_(node),
      cgroup_(std::move(cgroup)),
      folder_(std::move(folder)) {
  if (spec_.service_account.empty()) {
    spec_.service_account = spec_.name;
  }
}

Pod& Pod::outside_the_mesh() {
  spec_.meshed = false;
  return *this;
}

Pod& Pod::speaking_hbone_itself() {
  spec_.meshed = false;
  spec_.annotations["ambient.istio.io/redirection"] = "enabled";
  return *this;
}

Pod& Pod::with_account(std::string name) {
  spec_.service_account = std::move(name);
  return *this;
}

Pod& Pod::with_uid(std::string uid) {
  spec_.uid = std::move(uid);
  return *this;
}

namespace {

// A server is there when a connection to its port, made inside the pod, is accepted.
void wait_for_port(const Pod& pod, int port) {
  const std::string probe = fmt::format("</dev/tcp/127.0.0.1/{}", port);
  expect(eventually(10s, [&] { return pod.run({"bash", "-c", probe}).ok(); }),
         "nothing listens on port {} of pod {} after 10 s; look inside with: {}", port, pod.name(),
         pod.enter_line());
}

}  // namespace

Pod& Pod::serving_http() {
  start({"python3", "-B", source_folder() + "/tests/support/programs/whoami.py",
         std::to_string(kHttpPort), spec_.name},
        "whoami");
  wait_for_port(*this, kHttpPort);
  return *this;
}

Pod& Pod::serving_echo() {
  start({program("culvert-load"), "echo", std::to_string(kEchoPort)}, "echo");
  wait_for_port(*this, kEchoPort);
  return *this;
}

std::string Pod::url(std::string_view path) const {
  return fmt::format("http://{}:{}{}", spec_.ip4, kHttpPort, path);
}

std::string Pod::url6(std::string_view path) const {
  return fmt::format("http://[{}]:{}{}", spec_.ip6, kHttpPort, path);
}

std::string Pod::identity() const {
  return fmt::format("spiffe://cluster.local/ns/{}/sa/{}", kNamespace, spec_.service_account);
}

Outcome Pod::run(const Command& command, Milliseconds limit) const {
  return lab::run({netns_, cgroup_}, command, limit);
}

Process& Pod::start(const Command& command, std::string_view log_name) {
  return programs_.emplace_back(Process::start({netns_, cgroup_}, command, log_path(log_name)));
}

Outcome Pod::curl(const std::string& url, const Command& more) const {
  Command command = {"curl", "--silent", "--show-error", "--max-time", "5", "--globoff", url};
  command.insert(command.end(), more.begin(), more.end());
  return run(command);
}

std::string Pod::log_path(std::string_view log_name) const {
  return fmt::format("{}/{}.log", folder_, log_name);
}

std::string Pod::log(std::string_view log_name) const {
  return read_file(log_path(log_name));
}

void Pod::leave_running() {
  for (Process& program : programs_) {
    program.release();
  }
}

// The cgroup matters as much as the namespace: capture knows the node's own processes by it.
std::string Pod::enter_line(std::string_view command) const {
  return fmt::format("sh -c 'echo $$ >{}/cgroup.procs; exec nsenter --net=/run/netns/{} {}'",
                     cgroup_, netns_, command);
}

}  // namespace culvert::lab
