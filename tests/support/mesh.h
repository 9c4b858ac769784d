// A whole mesh on one machine: nodes and pods as network namespaces on one bridge, a real agent and
// a real ztunnel per node, a folder of Kubernetes objects. Reads as a sentence:
//
//   Mesh mesh("a pod calls a service");
//   mesh.node("east"), mesh.node("west");
//   Pod& client = mesh.pod("client", "east");
//   Pod& server = mesh.pod("server", "west").serving_http();
//   mesh.service("shop", {&server});
//   mesh.start();
//   CHECK(client.curl(mesh.service("shop").url()).ok());
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <list>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/capture.h"
#include "tests/support/grounds.h"
#include "tests/support/node.h"
#include "tests/support/objects.h"
#include "tests/support/pod.h"

namespace culvert::lab {

class Mesh {
 public:
  // The name becomes the prefix of every namespace and cgroup.
  explicit Mesh(std::string_view name);
  Mesh(const Mesh&) = delete;
  Mesh& operator=(const Mesh&) = delete;
  // Takes everything down, unless `leave_running` was called, and tells what is left after that.
  ~Mesh();

  // The first call with a name makes the thing; later ones find it.
  Node& node(std::string_view name);
  Pod& pod(std::string_view name, std::string_view node);
  Pod& pod(std::string_view name);
  ServiceSpec& service(std::string_view name, std::vector<const Pod*> backends,
                       int target_port = kHttpPort);
  ServiceSpec& service(std::string_view name);
  // remove ends a pod as the kubelet does: its processes, its place in the mesh, its namespace, its
  // object.
  void remove(const Pod& pod);
  std::deque<Node>& nodes() { return nodes_; }
  std::list<Pod>& pods() { return pods_; }

  // start writes the objects, starts both daemons of every node, enrols the meshed pods and waits
  // until every ztunnel knows every workload and service and has a certificate for each of its
  // pods.
  void start();
  void write_objects();
  void start_daemons();
  void enrol_pods();
  void wait_known(Milliseconds limit = 30s);

  // apply writes one more file into the folder; withdraw removes it.
  void apply(std::string_view name, std::string_view yaml);
  void withdraw(std::string_view name);

  Capture capture(std::string_view name = "bridge");

  // leave_running lets everything outlive this process.
  void leave_running();
  const Grounds& grounds() const { return grounds_; }
  // The logs of all daemons, for the message of a failed check.
  std::string logs() const;

 private:
  void make_wire();
  void attach(const std::string& netns, const std::string& ip4, const std::string& ip6);

  Grounds grounds_;
  std::string wire_;     // the netns of the bridge
  std::string objects_;  // --source-dir
  int ports_count_ = 0;
  std::size_t pods_count_ = 0;  // ever made
  bool leave_running_ = false;
  std::deque<Node> nodes_;
  std::list<Pod> pods_;  // a list: references stay good while pods come and go
  std::deque<ServiceSpec> services_;
};

// when_left_behind sets who is told, one sentence a thing, that a mesh left something behind;
// standard error when nobody was set. The tests turn it into a failure.
void when_left_behind(void (*tell)(const std::string& what));

}  // namespace culvert::lab
