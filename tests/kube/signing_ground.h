// A cluster as culvert-signer sees it: what the manifests install, nodes, the agents' pods on them,
// and a workload. Agents are tokens that are bound to pods of theirs, which no kubelet runs.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/api_server.h"
#include "ztunnel/lib/base/identity.h"

namespace culvert::lab {

inline constexpr Milliseconds kServedWithin = 30s;
inline const SpiffeId kCart{"cluster.local", "shop", "cart"};

// text_at gives the text at a JSON pointer, or none.
std::string text_at(const nlohmann::json& object, const std::string& pointer);

// A server of its own: the signer's objects have fixed names.
struct SigningGround {
  SigningGround();

  // start_signers ends earlier ones.
  void start_signers(int replicas);

  const std::string& kubeconfig_of(const std::string& pod) const { return kubeconfigs_.at(pod); }
  // request is what an agent asks for: a certificate for `kCart`.
  static nlohmann::json request(std::string_view name);
  // ask makes it as the agent in `pod` does.
  void ask(std::string_view name, const std::string& pod) const;

  // get gives null for what is not there.
  nlohmann::json get(const std::string& kind, const std::string& name,
                     const std::string& in_namespace = "culvert-system") const;
  std::string certificate(const std::string& name) const;
  std::string roots() const;
  // events gives the messages of all Events on the objects of this name, each with a line's end.
  std::string events(const std::string& object, const std::string& in_namespace) const;
  std::string logs() const;  // of those that run

  ApiServer api;
  std::vector<Process> signers;

 private:
  std::map<std::string, std::string> kubeconfigs_;  // by the agent's pod
  int started_ = 0;                                 // signers, ever
};

}  // namespace culvert::lab
