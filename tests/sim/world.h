// A simulated mesh of two pods on two nodes: the real proxy, TLS and HTTP/2 on both, over pipes on
// the simulated loop; only the sockets are not there.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <doctest/doctest.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/sim.h"
#include "ztunnel/lib/control/proto/authorization.pb.h"
#include "ztunnel/lib/control/proto/workload.pb.h"
#include "ztunnel/lib/net/pipe_stream.h"
#include "ztunnel/lib/policy/store.h"
#include "ztunnel/lib/tls/authority.h"
#include "ztunnel/lib/tls/key.h"
#include "ztunnel/proxy/inbound.h"
#include "ztunnel/proxy/outbound.h"

namespace culvert::sim {

inline SocketAddress at(const char* text) {
  return *SocketAddress::parse(text);
}

inline const SocketAddress kClient = at("10.0.0.1:40000");
inline const SocketAddress kServer = at("10.0.0.2:8080");
inline const SocketAddress kTunnel = at("10.0.0.2:15008");

// One identity for each pod, made once: key generation is not what is tested here.
inline proxy::IdentityPtr identity_of(const std::string& service_account) {
  static const auto authority =
      *tls::CertificateAuthority::create("sim", std::chrono::system_clock::now());
  const SpiffeId id{"cluster.local", "demo", service_account};
  const auto key = *tls::generate_key();
  const auto leaf = *authority.sign(*tls::make_csr(key, id), id, std::chrono::system_clock::now());
  return *tls::WorkloadIdentity::make(key, std::vector<std::string>{leaf}, authority.root_pem());
}

inline std::string workload_resource(const std::string& name, const SocketAddress& address) {
  istio::workload::Address resource;
  auto& workload = *resource.mutable_workload();
  workload.set_uid("Kubernetes//Pod/demo/" + name);
  workload.set_name(name);
  workload.set_namespace_("demo");
  workload.set_service_account(name);
  workload.set_tunnel_protocol(istio::workload::HBONE);
  const auto octets = address.ip.octets();
  workload.add_addresses(std::string(octets.begin(), octets.end()));
  return resource.SerializeAsString();
}

inline std::string deny_client_resource() {
  istio::security::Authorization policy;
  policy.set_name("deny-client");
  policy.set_namespace_("demo");
  policy.set_scope(istio::security::NAMESPACE);
  policy.set_action(istio::security::DENY);
  policy.add_rules()->add_clauses()->add_matches()->add_principals()->set_exact(
      "cluster.local/ns/demo/sa/client");
  return policy.SerializeAsString();
}

inline proxy::PodPtr pod(const std::string& name) {
  auto made = std::make_shared<proxy::Pod>();
  made->uid = "uid-" + name;
  made->name = name;
  made->ns = "demo";
  made->service_account = name;
  return made;
}

// One node: a context of the proxy with everything that it refers to.
struct Node {
  Node(io::Loop& loop, proxy::Network& network)
      : mesh(loop),
        tracker(loop, metrics.add_worker()),
        context{loop, network, mesh, tracker, rng, offences} {}
  obs::Metrics metrics{"sim", "0"};
  proxy::MeshView mesh;
  proxy::Tracker tracker;
  Rng rng{1};
  obs::RateLimitedLog offences{{.level = obs::Level::warn, .scope = "sim"}};
  proxy::Context context;
};

class World final : public proxy::Network {
 public:
  explicit World(io::Loop& loop)
      : loop_(loop),
        client(loop, *this),
        server(loop, *this),
        pool(loop, *this, client.mesh),
        scope(loop, io::Scope::OnFailure::ignore) {
    static const auto client_identity = identity_of("client");
    static const auto server_identity = identity_of("server");
    client.mesh.set_identity(client_identity->id(), client_identity);
    server.mesh.set_identity(server_identity->id(), server_identity);
    const auto a = workload_resource("client", kClient);
    const auto b = workload_resource("server", kServer);
    const std::array<policy::ResourceBytes, 2> added = {
        policy::ResourceBytes{"Kubernetes//Pod/demo/client", as_bytes(a)},
        policy::ResourceBytes{"Kubernetes//Pod/demo/server", as_bytes(b)}};
    CHECK(store.apply_addresses(added, {}).empty());
    publish();
  }

  void publish() {
    client.mesh.set_snapshot(store.snapshot());
    server.mesh.set_snapshot(store.snapshot());
    server.tracker.recheck(*store.snapshot());
  }

  void deny_client() {
    const auto policy = deny_client_resource();
    const std::array<policy::ResourceBytes, 1> added = {
        policy::ResourceBytes{"demo/deny-client", as_bytes(policy)}};
    CHECK(store.apply_authorizations(added, {}).empty());
    publish();
  }

  // connect opens a captured connection of the client's application, and gives the application's
  // end.
  std::unique_ptr<net::Stream> connect() {
    auto ends = net::make_pipe(loop_);
    scope.spawn(proxy::serve_outbound(client.context, pool, pod("client"),
                                      {std::move(ends[1]), kClient, kServer}));
    return std::move(ends[0]);
  }

  // close ends everything that runs; needed before destruction.
  io::Task<> close() {
    (void)co_await as_result(pool.stop());
    scope.cancel();
    (void)co_await as_result(scope.join());
  }

  // The Network of both nodes.
  io::Task<proxy::Accepted> accept(proxy::PodPtr, proxy::Role) override {
    co_return fail(Errc::unavailable, "the scenario accepts by itself");
  }
  io::Task<std::unique_ptr<net::Stream>> dial(proxy::PodPtr, SocketAddress to,
                                              IpAddress source) override {
    co_await loop_.sleep(std::chrono::milliseconds(1));
    if (to != kTunnel) {
      co_return fail(Errc::unavailable, "nobody is at " + to_string(to));
    }
    auto ends = net::make_pipe(loop_);
    scope.spawn(proxy::serve_tunnel(server.context, pod("server"),
                                    {std::move(ends[1]), {source, 41000}, kTunnel}));
    co_return std::move(ends[0]);
  }
  io::Task<std::unique_ptr<net::Stream>> deliver(proxy::PodPtr, SocketAddress to,
                                                 IpAddress client_ip) override {
    co_await loop_.sleep(std::chrono::milliseconds(1));
    CHECK(to == kServer);
    CHECK(client_ip == kClient.ip);
    ++deliveries;
    auto ends = net::make_pipe(loop_);
    scope.spawn(echo(std::move(ends[1]), delivered_bytes));
    co_return std::move(ends[0]);
  }

 private:
  static io::Task<> echo(std::unique_ptr<net::Stream> stream, std::size_t& delivered) {
    std::array<std::uint8_t, 1024> buffer{};
    for (;;) {
      const std::size_t count = co_await stream->read_some(buffer);
      delivered += count;
      if (count == 0) {
        break;
      }
      co_await stream->write_all(Bytes(buffer).first(count));
    }
    co_await stream->shutdown_write();
  }

  io::Loop& loop_;

 public:
  policy::Store store;
  Node client;
  Node server;
  proxy::Pool pool;
  int deliveries = 0;
  std::size_t delivered_bytes = 0;
  io::Scope scope;  // last: what runs in it uses all of the above
};

}  // namespace culvert::sim
