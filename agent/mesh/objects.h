// The Kubernetes objects that make a mesh, reduced to what the mesh needs, as values.
// Source of truth: the Kubernetes API (v1, discovery.k8s.io/v1), security.istio.io/v1,
// gateway.networking.k8s.io/v1.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ztunnel/lib/base/address.h"
#include "ztunnel/lib/control/proto/authorization.pb.h"

namespace culvert::mesh {

using Labels = std::map<std::string, std::string>;
using ObjectKey = std::pair<std::string, std::string>;  // namespace ("" where none), name

struct Meta {
  std::string ns;
  std::string name;
  std::string uid;
  std::string created;  // RFC 3339, UTC: sorts as text; empty is oldest
  Labels labels;
  Labels annotations;

  ObjectKey key() const { return {ns, name}; }
  bool operator==(const Meta&) const = default;
};

struct Namespace {
  Meta meta;
  bool operator==(const Namespace&) const = default;
};

struct Node {
  Meta meta;
  // Where it is, by the topology labels; empty where it does not say.
  std::string region;
  std::string zone;
  std::string subzone;
  bool operator==(const Node&) const = default;
};

struct ServiceAccount {
  Meta meta;
  bool operator==(const ServiceAccount&) const = default;
};

struct Owner {
  std::string kind;  // ReplicaSet, Job, …
  std::string name;
  bool operator==(const Owner&) const = default;
};

struct Pod {
  Meta meta;
  std::string node;                                  // spec.nodeName; empty: not scheduled yet
  std::string service_account;                       // never empty
  std::vector<IpAddress> ips;                        // status.podIPs; empty: no sandbox yet
  std::map<std::string, std::uint16_t> named_ports;  // of its containers, TCP only
  std::optional<Owner> owner;                        // its controller
  bool host_network = false;
  bool finished = false;  // phase Succeeded or Failed: it will never serve again
  bool ready = false;     // the Ready condition; without one, phase Running or no phase
  bool operator==(const Pod&) const = default;
};

struct ServicePort {
  std::string name;  // may be empty if it is the only one
  std::uint16_t port = 0;
  std::uint16_t target_port = 0;  // 0: `target_name` decides, per pod
  std::string target_name;
  bool operator==(const ServicePort&) const = default;
};

struct Service {
  enum class Distribution : std::uint8_t { any, same_zone, same_node };
  Meta meta;
  std::vector<IpAddress> cluster_ips;  // empty: headless
  std::vector<ServicePort> ports;      // TCP only
  Labels selector;                     // empty: no pod is selected
  bool external_name = false;          // only a DNS alias: not part of the mesh
  bool node_local = false;             // internalTrafficPolicy: Local
  bool publish_not_ready = false;
  bool ipv4 = false, ipv6 = false;  // spec.ipFamilies; neither: unknown
  Distribution distribution = Distribution::any;
  bool operator==(const Service&) const = default;
};

struct SliceEndpoint {
  std::vector<IpAddress> ips;
  bool ready = true;
  std::string node;
  std::string pod;  // targetRef of kind Pod; empty: an address outside the cluster's pods
  bool operator==(const SliceEndpoint&) const = default;
};

struct EndpointSlice {
  Meta meta;
  std::string service;                         // label kubernetes.io/service-name
  std::map<std::string, std::uint16_t> ports;  // port name → target port, TCP only
  std::vector<SliceEndpoint> endpoints;
  bool operator==(const EndpointSlice&) const = default;
};

// AuthorizationPolicy is converted to its L4 form where it is read.
struct AuthorizationPolicy {
  Meta meta;
  std::optional<Labels> selector;     // none: its whole namespace
  bool ignored = false;               // for waypoints, or of an action that L4 does not have
  istio::security::Authorization l4;  // everything but the scope
  bool operator==(const AuthorizationPolicy& other) const;
};

struct PeerAuthentication {
  enum class Mode : std::uint8_t { unset, disable, permissive, strict };
  Meta meta;
  std::optional<Labels> selector;
  Mode mode = Mode::unset;
  std::map<std::uint16_t, Mode> port_modes;
  // A part could not be understood that says where or how it applies: then its whole namespace is
  // STRICT.
  bool unreadable = false;
  bool operator==(const PeerAuthentication&) const = default;
};

struct Gateway {
  Meta meta;
  std::string class_name;              // spec.gatewayClassName
  std::vector<std::string> addresses;  // status.addresses: IPs or hostnames
  bool operator==(const Gateway&) const = default;
};

// 300,000: as many as a snapshot of the mesh holds.
inline constexpr std::size_t kObjectsMax = 300'000;

struct Objects {
  template <class T>
  using Table = std::map<ObjectKey, T>;
  Table<Namespace> namespaces;
  Table<Node> nodes;
  Table<Pod> pods;
  Table<Service> services;
  Table<EndpointSlice> slices;
  Table<ServiceAccount> service_accounts;
  Table<AuthorizationPolicy> authorization_policies;
  Table<PeerAuthentication> peer_authentications;
  Table<Gateway> gateways;

  std::size_t count() const;
};

// visit_tables calls visit(kind, table of `a`, the same table of `b`) for every kind.
template <class A, class B, class Visit>
void visit_tables(A& a, B& b, Visit visit) {
  visit("Namespace", a.namespaces, b.namespaces);
  visit("Node", a.nodes, b.nodes);
  visit("Pod", a.pods, b.pods);
  visit("Service", a.services, b.services);
  visit("EndpointSlice", a.slices, b.slices);
  visit("ServiceAccount", a.service_accounts, b.service_accounts);
  visit("AuthorizationPolicy", a.authorization_policies, b.authorization_policies);
  visit("PeerAuthentication", a.peer_authentications, b.peer_authentications);
  visit("Gateway", a.gateways, b.gateways);
}

// named gives "Kind namespace/name", or "Kind name" where there is no namespace.
std::string named(std::string_view kind, const ObjectKey& key);

// selects is true if `labels` has every label of `selector`.
bool selects(const Labels& selector, const Labels& labels);

// text_of gives a label or annotation, "" if there is none.
std::string_view text_of(const Labels& labels, const std::string& key);

// is_redirected: the pod carries the annotation of those that speak HBONE.
bool is_redirected(const Pod& pod);

// Problem is one thing that could not be understood, for GET /errors.
struct Problem {
  std::string file;      // empty: not from a file
  std::string object;    // "Kind namespace/name", empty if it is the file itself
  std::string sentence;  // one sentence that names both and says what to do
  auto operator<=>(const Problem&) const = default;
};

}  // namespace culvert::mesh
