// A node's control side on the simulated loop: the real xDS client, feed and store, against a
// control plane that can send any bytes over the real HTTP/2 room.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/protocol/framed.h"
#include "tests/protocol/log_lines.h"
#include "ztunnel/lib/control/proto/authorization.pb.h"
#include "ztunnel/lib/control/proto/discovery.pb.h"
#include "ztunnel/lib/control/proto/workload.pb.h"
#include "ztunnel/lib/io/sim_loop.h"
#include "ztunnel/lib/net/pipe_stream.h"
#include "ztunnel/proxy/mesh_feed.h"

namespace culvert::protocol {

using namespace std::chrono_literals;
using envoy::service::discovery::v3::DeltaDiscoveryRequest;
using envoy::service::discovery::v3::DeltaDiscoveryResponse;

inline std::string uid(const std::string& name) {
  return "Kubernetes//Pod/shop/" + name;
}

inline istio::workload::Address pod(const std::string& name) {
  istio::workload::Address address;
  auto& workload = *address.mutable_workload();
  workload.set_uid(uid(name));
  workload.set_name(name);
  workload.set_namespace_("shop");
  workload.set_service_account(name);
  workload.set_tunnel_protocol(istio::workload::HBONE);
  workload.add_addresses(std::string("\x0a\x00\x00\x05", 4));
  return address;
}

// policy makes one of namespace shop, with one rule whose one match the caller fills.
inline istio::security::Authorization policy(const std::string& name,
                                             istio::security::Action action) {
  istio::security::Authorization made;
  made.set_name(name);
  made.set_namespace_("shop");
  made.set_scope(istio::security::NAMESPACE);
  made.set_action(action);
  made.add_rules()->add_clauses()->add_matches();
  return made;
}

inline istio::security::Match& match_in(istio::security::Authorization& policy) {
  return *policy.mutable_rules(0)->mutable_clauses(0)->mutable_matches(0);
}

inline DeltaDiscoveryResponse push(const char* type, const std::string& nonce) {
  DeltaDiscoveryResponse response;
  response.set_type_url(type);
  response.set_nonce(nonce);
  return response;
}

inline void put(DeltaDiscoveryResponse& response, const std::string& name,
                const std::string& bytes) {
  auto& resource = *response.add_resources();
  resource.set_name(name);
  resource.set_version("v");
  resource.mutable_resource()->set_type_url(response.type_url());
  resource.mutable_resource()->set_value(bytes);
}

inline DeltaDiscoveryResponse pods(std::initializer_list<const char*> names) {
  auto response = push(control::kAddressType, "pods");
  for (const char* name : names) {
    put(response, uid(name), pod(name).SerializeAsString());
  }
  return response;
}

// One stream to the node, as the control plane's script sees it.
struct XdsStream {
  http::H2Connection& connection;
  http::H2Stream& h2;
  std::vector<DeltaDiscoveryRequest>& heard;
  std::string unread;

  io::Task<> answer() { co_await h2.respond(200, {{"content-type", "application/grpc"}}); }
  io::Task<> send_bytes(std::string bytes) { co_await h2.write_all(as_bytes(bytes)); }
  io::Task<> send(DeltaDiscoveryResponse response) {
    co_await send_bytes(framed(response.SerializeAsString()));
  }
  io::Task<> end(const char* code, const char* message = "") {
    co_await h2.finish({{"grpc-status", code}, {"grpc-message", message}});
  }
  // hear reads one request; fails with `closed` when there will be none.
  io::Task<> hear() {
    while (unread.size() < 5 || unread.size() < 5 + length()) {
      std::string piece(4096, '\0');
      const std::size_t n =
          co_await h2.read_some({reinterpret_cast<std::uint8_t*>(piece.data()), piece.size()});
      if (n == 0) {
        co_await fail(Errc::closed, "the client has ended");
      }
      unread += piece.substr(0, n);
    }
    const std::size_t whole = 5 + length();
    CHECK(heard.emplace_back().ParseFromString(unread.substr(5, whole - 5)));
    unread.erase(0, whole);
  }
  io::Task<> hear_for_ever() {
    for (;;) {
      co_await hear();
    }
  }

 private:
  std::size_t length() const {
    const auto* b = reinterpret_cast<const std::uint8_t*>(unread.data());
    return std::size_t{b[1]} << 24 | std::size_t{b[2]} << 16 | std::size_t{b[3]} << 8 | b[4];
  }
};

// The control plane's side of one stream: acts that are played in order. When the last one has
// ended, or one has failed, the connection ends.
using XdsAct = std::function<io::Task<>(XdsStream&)>;
using XdsScript = std::vector<XdsAct>;

// A good first push of both types, acknowledged.
inline io::Task<> first_push(XdsStream& stream) {
  co_await stream.answer();
  co_await stream.hear();
  co_await stream.hear();
  co_await stream.send(pods({"cart", "till"}));
  co_await stream.hear();
  co_await stream.send(push(control::kAuthorizationType, "policies"));
  co_await stream.hear();
}

inline io::Task<> stay(XdsStream& stream) {
  co_await stream.hear_for_ever();
}

class ControlPlane {
 public:
  explicit ControlPlane(io::Loop& loop) : loop_(loop), scope_(loop, io::Scope::OnFailure::ignore) {}

  // The scripts of the streams to come; the last one serves all further streams.
  std::vector<XdsScript> scripts;
  std::vector<DeltaDiscoveryRequest> heard;
  std::size_t streams = 0;

  http::GrpcChannel::Dial dial() {
    return [this] { return connect(*this); };
  }
  io::Task<> close() {
    scope_.cancel();
    co_await scope_.join();
  }
  // How many of the requests refuse a push, and what the last of them says.
  std::size_t refusals() const {
    return static_cast<std::size_t>(std::ranges::count_if(
        heard, [](const DeltaDiscoveryRequest& request) { return request.has_error_detail(); }));
  }
  std::string last_refusal() const {
    std::string words;
    for (const auto& request : heard) {
      words = request.has_error_detail() ? request.error_detail().message() : words;
    }
    return words;
  }

 private:
  static io::Task<std::unique_ptr<net::Stream>> connect(ControlPlane& self) {
    auto ends = net::make_pipe(self.loop_);
    self.scope_.spawn(serve(self, std::move(ends[1])));
    co_return std::move(ends[0]);
  }
  static io::Task<> serve(ControlPlane& self, std::unique_ptr<net::Stream> end) {
    http::H2Connection connection(self.loop_, std::move(end), http::H2Role::server);
    io::Scope scope(self.loop_);
    scope.spawn(connection.run());
    scope.spawn(play(self, connection));
    (void)co_await io::as_result(scope.join());
  }
  static io::Task<> play(ControlPlane& self, http::H2Connection& connection) {
    auto h2 = co_await connection.accept();
    if (h2 == nullptr) {
      co_return;
    }
    const XdsScript script = self.scripts.at(std::min(self.streams++, self.scripts.size() - 1));
    XdsStream stream{connection, *h2, self.heard, {}};
    for (const XdsAct& act : script) {
      co_await act(stream);
    }
    connection.shutdown();
  }

  io::Loop& loop_;
  io::Scope scope_;
};

struct ControlMesh {
  ControlMesh() { scope.spawn(client.run()); }
  ControlMesh(const ControlMesh&) = delete;
  ControlMesh& operator=(const ControlMesh&) = delete;
  ~ControlMesh() {
    scope.cancel();
    (void)block_on(loop, end(*this));
  }

  // pass lets virtual time go by.
  void pass(io::Duration duration) { CHECK(block_on(loop, sleep(loop, duration))); }
  policy::SnapshotPtr mesh() { return feed.mesh(); }
  bool knows(const char* pod_name) { return mesh()->workload(uid(pod_name)) != nullptr; }
  bool ready() const {
    const auto pending = feed.pending();
    return std::ranges::find(pending, "state manager") == pending.end();
  }
  std::uint64_t refused(const char* type) { return obs::xds_refusals(metrics, type).value(); }
  std::uint64_t terminations() {
    return obs::xds_terminations(metrics, "Error").value() +
           obs::xds_terminations(metrics, "Complete").value();
  }

  static io::Task<> sleep(io::Loop& loop, io::Duration duration) { co_await loop.sleep(duration); }
  static io::Task<> end(ControlMesh& self) {
    (void)co_await io::as_result(self.scope.join());
    (void)co_await io::as_result(self.plane.close());
    (void)co_await io::as_result(self.feed.stop());
    (void)co_await io::as_result(self.certificates.stop());
  }

  LogLines log;
  io::SimLoop loop;
  Rng rng{1};
  obs::Metrics metrics{"ztunnel", "test"};
  proxy::MeshFeed::Workers workers;
  control::CertificateStore certificates{
      loop, rng, [](const std::string&, const SpiffeId&) -> io::Task<control::SignedChain> {
        co_return fail(Errc::unavailable, "no CA here");
      }};
  proxy::MeshFeed feed{loop, workers, certificates, metrics, "cluster.local"};
  ControlPlane plane{loop};
  control::XdsClient client{loop,
                            rng,
                            plane.dial(),
                            {.node_name = "n", .pod_name = "z", .pod_namespace = "s"},
                            feed.xds_callbacks()};
  io::Scope scope{loop, io::Scope::OnFailure::ignore};
};

}  // namespace culvert::protocol
