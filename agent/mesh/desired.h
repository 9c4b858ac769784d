// DesiredMesh: what the agent serves, ready for the wire: the answer of the translator and the one
// input of the xDS server.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "ztunnel/lib/base/address.h"
#include "ztunnel/lib/base/identity.h"

namespace culvert::mesh {

struct Resource {
  std::string value;    // the serialized message, for Any.value
  std::string version;  // changes exactly when `value` does
  bool operator==(const Resource&) const = default;
};

using Resources = std::map<std::string, Resource>;  // by xDS name (wire-facts §3.4)

// LocalPod is a pod of this node that should be enrolled.
struct LocalPod {
  std::string uid;  // metadata.uid, as ZDS and the enrol socket name it
  std::string ns;
  std::string name;
  std::string service_account;
  std::string trust_domain;
  std::vector<IpAddress> ips;  // may be empty while the sandbox is made

  SpiffeId identity() const { return {trust_domain, ns, service_account}; }
  bool operator==(const LocalPod&) const = default;
};

struct DesiredMesh {
  Resources addresses;         // type.googleapis.com/istio.workload.Address
  Resources authorizations;    // type.googleapis.com/istio.security.Authorization
  std::vector<LocalPod> pods;  // sorted by uid
  // Uids of the pods of this node that should not be enrolled. A pod of a namespace that is not
  // known yet is in neither list.
  std::set<std::string> plain_pods;
  // Namespaces that are ambient, or have an ambient pod on any node: a pod of theirs that nobody
  // knows yet may have to be enrolled.
  std::set<std::string> ambient_namespaces;

  // local_pod finds one of `pods`; null if there is none. Borrowed from this object.
  const LocalPod* local_pod(const std::string& uid) const;
  bool operator==(const DesiredMesh&) const = default;
};

}  // namespace culvert::mesh
