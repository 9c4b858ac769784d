// The Kubernetes objects of a scenario, as `kubectl get -o yaml` would print them, for the agent's
// folder.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tests/support/pod.h"

namespace culvert::lab {

// ServiceSpec is a Service with the pods behind it.
struct ServiceSpec {
  std::string name;
  std::string vip4;
  std::string vip6;
  int port = 80;                // of the VIP
  int target_port = kHttpPort;  // of the pods
  std::vector<const Pod*> backends;

  std::string url(std::string_view path = "/") const;
  std::string url6(std::string_view path = "/") const;
};

std::string namespace_yaml();
std::string pod_yaml(const Pod& pod);                  // the ServiceAccount and the Pod
std::string service_yaml(const ServiceSpec& service);  // the Service and an EndpointSlice a family

// Policies that the scenarios write into the folder.
std::string strict_yaml();  // PeerAuthentication: no plaintext into any pod of the namespace
// deny_yaml denies `source` everything towards `target`.
std::string deny_yaml(std::string_view name, const Pod& source, const Pod& target);
// allow_yaml allows `source` and nobody else towards `target`.
std::string allow_yaml(std::string_view name, const Pod& source, const Pod& target);

}  // namespace culvert::lab
