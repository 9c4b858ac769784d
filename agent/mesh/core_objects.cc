// Namespace, Node, ServiceAccount, Pod and Gateway.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "agent/mesh/object_reader.h"

namespace culvert::mesh {
namespace {

std::optional<Owner> owner_of(const Tree& root) {
  for (const auto& reference : items(child(child(root, "metadata"), "ownerReferences"))) {
    if (is_true(reference, "controller")) {
      return Owner{text(reference, "kind"), text(reference, "name")};
    }
  }
  return std::nullopt;
}

bool is_ready(const Tree& status, const std::string& phase) {
  for (const auto& condition : items(child(status, "conditions"))) {
    if (text(condition, "type") == "Ready") {
      return text(condition, "status") == "True";
    }
  }
  return phase.empty() || phase == "Running";
}

void read_ips(ObjectReader& reader, Pod& pod) {
  std::vector<std::string> texts;
  for (const auto& entry : items(child(reader.status(), "podIPs"))) {
    texts.push_back(text(entry, "ip"));
  }
  if (const auto first = text(reader.status(), "podIP"); texts.empty() && !first.empty()) {
    texts.push_back(first);
  }
  for (const auto& one : texts) {
    if (const auto ip = reader.address(one, "status.podIPs")) {
      pod.ips.push_back(*ip);
    }
  }
}

void read_container_ports(const Tree& spec, Pod& pod) {
  for (const auto& container : items(child(spec, "containers"))) {
    for (const auto& port : items(child(container, "ports"))) {
      const auto name = text(port, "name");
      const auto protocol = text(port, "protocol");
      const auto number = port_number(text(port, "containerPort"));
      if (!name.empty() && number && (protocol.empty() || protocol == "TCP")) {
        pod.named_ports[name] = *number;
      }
    }
  }
}

}  // namespace

void read_namespace(ObjectReader& reader) {
  reader.into().objects.namespaces[reader.meta().key()] = {reader.meta()};
}

void read_node(ObjectReader& reader) {
  const auto& labels = reader.meta().labels;
  reader.into().objects.nodes[reader.meta().key()] = {
      .meta = reader.meta(),
      .region = std::string(text_of(labels, "topology.kubernetes.io/region")),
      .zone = std::string(text_of(labels, "topology.kubernetes.io/zone")),
      .subzone = std::string(text_of(labels, "topology.istio.io/subzone"))};
}

void read_service_account(ObjectReader& reader) {
  reader.into().objects.service_accounts[reader.meta().key()] = {reader.meta()};
}

void read_pod(ObjectReader& reader) {
  const auto& spec = reader.spec();
  const auto phase = text(reader.status(), "phase");
  Pod pod;
  pod.meta = reader.meta();
  // The node knows a static pod by the hash of its file, not by the uid of its mirror in the API.
  if (const auto hash = text_of(pod.meta.annotations, "kubernetes.io/config.mirror");
      !hash.empty()) {
    pod.meta.uid = hash;
  }
  pod.node = text(spec, "nodeName");
  pod.service_account = text(spec, "serviceAccountName");
  if (pod.service_account.empty()) {
    pod.service_account = "default";
  }
  pod.host_network = is_true(spec, "hostNetwork");
  pod.finished = phase == "Succeeded" || phase == "Failed";
  pod.ready = is_ready(reader.status(), phase);
  pod.owner = owner_of(reader.root());
  read_container_ports(spec, pod);
  read_ips(reader, pod);
  if (pod.meta.uid.empty()) {
    reader.reject("it has no metadata.uid", "write the pod as `kubectl get -o yaml` prints it");
  }
  if (!reader.rejected()) {
    const auto key = pod.meta.key();
    reader.into().objects.pods[key] = std::move(pod);
  }
}

void read_gateway(ObjectReader& reader) {
  Gateway gateway;
  gateway.meta = reader.meta();
  gateway.class_name = text(reader.spec(), "gatewayClassName");
  for (const auto& address : items(child(reader.status(), "addresses"))) {
    if (auto value = text(address, "value"); !value.empty()) {
      gateway.addresses.push_back(std::move(value));
    }
  }
  const auto key = gateway.meta.key();
  reader.into().objects.gateways[key] = std::move(gateway);
}

}  // namespace culvert::mesh
