// Town: a namespace of the cluster with its applications, deleted with the object. Applications run
// the image `culvert/apps` (busybox, curl, culvert-load).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "tests/support/cluster.h"

namespace culvert::lab {

// With `ambient` on a namespace its pods are in the mesh.
inline constexpr std::string_view kModeLabel = "istio.io/dataplane-mode";

// The image that applications run.
std::string apps_image();

struct PodOptions {
  std::string node = {};    // empty is any
  std::string labels = {};  // more of them, as YAML's flow has it: "a: b, c: d"
  std::string more = {};    // of the container, as YAML's lines; each without its indentation
  std::string spec = {};    // of the pod, likewise
  std::string image = apps_image();
};

class Town {
 public:
  // Makes the namespace; what an earlier run left of it goes first. `labels` as in PodOptions.
  Town(const Cluster& cluster, std::string name, std::string_view labels = {});
  ~Town();
  Town(Town&&) = delete;
  Town& operator=(Town&&) = delete;

  const std::string& name() const { return name_; }

  // pod runs a command in a pod of this name, and of an account of this name; ready_pods waits for
  // all that were asked for.
  void pod(const std::string& name, const Command& command, const PodOptions& options = {}) const;
  void wait_until_ready() const;

  // server is a pod that answers `GET who` with its name and the address it sees, behind a Service
  // of its name, on port 80. client only sleeps, for curl to be run in it.
  void server(const std::string& name, PodOptions options = {}) const;
  void client(const std::string& name, PodOptions options = {}) const;
  // stateful_server is a StatefulSet of servers, behind a headless Service of its name.
  void stateful_server(const std::string& name, int replicas) const;
  void delete_pod(const std::string& name) const;

  // enrol labels the namespace and waits until all its pods are in the mesh; leave is its reverse.
  void enrol() const;
  void leave() const;

  std::string ip(const std::string& pod) const;
  // get reads a value of a pod by its JSON path, without the braces.
  std::string get(const std::string& pod, std::string_view path) const;
  // exec gives the command line that runs a command in a pod; in_pod runs it.
  Command exec(const std::string& pod, const Command& command) const;
  Outcome in_pod(const std::string& pod, const Command& command, Milliseconds limit = 30s) const;
  // ask is `GET who` from a pod, with a query; of an address and port, or of a Service.
  Outcome ask(const std::string& pod, const std::string& host, std::string_view query = "") const;

  // apply creates objects of this namespace.
  void apply(std::string_view yaml) const;
  Outcome kubectl(const Command& arguments, Milliseconds limit = 60s) const;
  std::string must_kubectl(const Command& arguments, std::string_view input = {}) const;

 private:
  const Cluster& cluster_;
  std::string name_;
};

// answered asks until there is an answer, since a Service answers a moment after its pods are
// ready; says why there is none.
bool answered(const Town& town, const std::string& pod, const std::string& host,
              std::string_view query = "");

}  // namespace culvert::lab
