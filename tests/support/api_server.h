// ApiServer: a real kube-apiserver with an etcd of its own, for as long as the object lives. Nodes,
// controllers and a scheduler there are none: what is created stays as it is, and pods are as alive
// as their status says.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "tests/support/kubectl.h"
#include "tests/support/pki.h"
#include "tests/support/process.h"

namespace culvert::lab {

struct ApiServerOptions {
  Place place = {};
  // Where both listen; empty is an address of the loopback range that no other test process has.
  std::string address = {};
};

class ApiServer {
 public:
  // Starts both and waits until the server says that it is ready. Throws LabError with the end of
  // its log otherwise, and when tools/kubernetes/build has not been run.
  explicit ApiServer(ApiServerOptions options = {});
  ~ApiServer();
  ApiServer(ApiServer&&) = delete;
  ApiServer& operator=(ApiServer&&) = delete;

  const std::string& folder() const { return folder_.path; }
  std::string url() const;

  const Pki& pki() const { return pki_; }

  // kubeconfig is the file of a member of system:masters; kubeconfig_for makes one of any other
  // user, who can do nothing until RBAC allows it. All of them use client certificates.
  std::string kubeconfig() const { return folder() + "/admin.kubeconfig"; }
  std::string kubeconfig_for(std::string_view user, std::string_view group = {}) const;
  // kubeconfig_of is one with the token of a pod that is there, as the kubelet would give it.
  std::string kubeconfig_of(std::string_view in_namespace, std::string_view pod,
                            std::string_view account) const;

  // As the administrator; see Kubectl.
  Outcome kubectl(const Command& arguments, std::string_view input = {}) const {
    return kubectl_.run(arguments, input);
  }
  std::string must_kubectl(const Command& arguments, std::string_view input = {}) const {
    return kubectl_.must_run(arguments, input);
  }
  void apply(std::string_view yaml) const { kubectl_.apply(yaml); }
  // install_crds brings Istio's and the Gateway API's, and waits until they are served.
  void install_crds() const;

  // stop ends the kube-apiserver at once, as a crash would; etcd stays. start brings it back.
  void stop();
  void start();
  // forget_history restarts the server on an etcd without history, so that who asks for an old
  // state is told 410. A compaction alone is not enough: the server has snapshots in memory (1.34).
  void forget_history();

  // store writes an object past the server, as it stands, under its key below "/registry/".
  void store(std::string_view key, std::string_view object) const;

  // The processes, for who wants to see them end.
  const Process& server() const { return server_; }
  const Process& etcd() const { return etcd_; }

 private:
  // Gone with the object, also when it could not be made.
  struct Folder {
    Folder();
    Folder(Folder&&) = delete;
    Folder& operator=(Folder&&) = delete;
    ~Folder();

    std::string path;
  };

  std::string write_kubeconfig(std::string_view name, std::string_view user) const;
  Process start_program(std::string_view name, const Command& arguments) const;
  std::string etcd_url(int port) const;
  void ask_etcd(std::string_view call, std::string_view body) const;
  bool ready() const;

  Place place_;
  std::string address_;
  Folder folder_;  // outlives the processes
  Kubectl kubectl_;
  Pki pki_;
  Process etcd_;
  Process server_;
};

// kubernetes_folder gives where tools/kubernetes/build has put `name`; throws LabError, with the
// command to run, when it has not.
std::string kubernetes_folder(const std::string& name);

}  // namespace culvert::lab
