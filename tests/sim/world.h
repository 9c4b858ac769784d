// A simulated mesh of two pods on two nodes: the real proxy, TLS and HTTP/2 on both, over pipes on
// the simulated loop; only the sockets are not there.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <memory>
#include <string>

#include "tests/sim/node.h"
#include "tests/support/sim.h"
#include "ztunnel/lib/net/pipe_stream.h"
#include "ztunnel/lib/policy/store.h"
#include "ztunnel/proxy/inbound.h"
#include "ztunnel/proxy/outbound.h"

namespace culvert::sim {

// Where tunnels come from.
inline constexpr std::uint16_t kTunnelPort = 41000;

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

  // want_proxy makes the server's workload one whose application wants a PROXY header.
  void want_proxy() {
    istio::workload::Address resource;
    CHECK(resource.ParseFromString(workload_resource("server", kServer)));
    auto& tunnel = *resource.mutable_workload()->mutable_application_tunnel();
    tunnel.set_protocol(istio::workload::ApplicationTunnel::PROXY);
    tunnel.set_port(15088);
    const auto bytes = resource.SerializeAsString();
    const std::array<policy::ResourceBytes, 1> added = {
        policy::ResourceBytes{"Kubernetes//Pod/demo/server", as_bytes(bytes)}};
    CHECK(store.apply_addresses(added, {}).empty());
    publish();
    application = at("127.0.0.1:15088");
    caller = application.ip;
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
                                    {std::move(ends[1]), {source, kTunnelPort}, kTunnel}));
    co_return std::move(ends[0]);
  }
  io::Task<std::unique_ptr<net::Stream>> deliver(proxy::PodPtr, SocketAddress to,
                                                 IpAddress client_ip) override {
    co_await loop_.sleep(std::chrono::milliseconds(1));
    CHECK(to == application);
    CHECK(client_ip == caller);
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
  SocketAddress application = kServer;  // where it must be reached,
  IpAddress caller = kClient.ip;        // and by whom
  int deliveries = 0;
  std::size_t delivered_bytes = 0;
  io::Scope scope;  // last: what runs in it uses all of the above
};

}  // namespace culvert::sim
