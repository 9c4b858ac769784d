// A client that misbehaves, against the agent's xDS server. Whatever it sends: it alone is told,
// the other ztunnel of the node keeps being served, and nothing of it stays.
// SPDX-License-Identifier: Apache-2.0
#include "agent/mesh/xds_server.h"
#include "tests/protocol/control_socket.h"
#include "tests/protocol/framed.h"
#include "ztunnel/lib/control/xds_client.h"

namespace culvert::protocol {
namespace {

using mesh::DeltaRequest;
using mesh::DesiredMesh;
using mesh::Resources;
using mesh::XdsServer;

const char* const kMethod =
    "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";

io::Task<std::unique_ptr<net::Stream>> dial(io::Loop& loop, std::string path) {
  co_return co_await net::connect_unix(loop, std::move(path));
}

// The server with one ztunnel that behaves, and of which the tests prove that it notices nothing.
struct Bench {
  LogLines log;
  std::unique_ptr<io::Loop> loop = io::make_epoll_loop();
  XdsServer server{*loop};
  AgentSocket socket{*loop, server, net::UnixType::stream};
  Rng rng{1};
  std::string known;  // what the neighbour has of resource "a"
  int generation = 0;
  io::Scope scope{*loop, io::Scope::OnFailure::ignore};
  control::XdsClient neighbour{
      *loop,
      rng,
      [this] { return dial(*loop, socket.path()); },
      {.node_name = "n", .pod_name = "z", .pod_namespace = "s"},
      {.on_update = [this](std::string_view, const auto& changed,
                           const auto&) -> std::vector<control::XdsRejection> {
        for (const auto& resource : changed) {
          known = as_text(resource.value);
        }
        return {};
      }}};

  Bench() {
    publish();
    scope.spawn(neighbour.run());
    CHECK(socket.within(3s, [&] { return neighbour.ready(); }));
  }
  ~Bench() {
    scope.cancel();
    while (!scope.empty()) {
      (void)loop->turn();
    }
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  std::string publish(std::size_t bytes = 1) {
    const std::string value = std::to_string(++generation) + std::string(bytes, 'v');
    server.publish(std::make_shared<const DesiredMesh>(
        DesiredMesh{.addresses = {{"a", {value, std::to_string(generation)}}},
                    .authorizations = {},
                    .pods = {}}));
    return value;
  }
  // The neighbour gets the next change on the stream that it has.
  void check_neighbour() {
    const std::string value = publish();
    CHECK(socket.within(3s, [&] { return known == value; }));
    CHECK(neighbour.connected());
  }
  bool is_alone() {
    return socket.within(3s, [&] { return server.client_count() == 1; });
  }
};

DeltaRequest subscription(const std::string& node = "bad") {
  DeltaRequest request;
  request.mutable_node()->set_id(node);
  request.set_type_url(control::kAddressType);
  return request;
}

std::string bytes_of(const DeltaRequest& request) {
  return framed(request.SerializeAsString());
}

std::string by_name() {
  auto request = subscription();
  request.add_resource_names_subscribe("shop/web");
  return bytes_of(request);
}

TEST_CASE("a stream that breaks the protocol is told why, counted, and logged once") {
  struct Row {
    const char* fault;
    std::string bytes;
    const char* told;
  };
  const Row rows[] = {
      {"a message cut off", framed("abc", 1000), "3 a gRPC message was cut off"},
      {"a prefix cut off", std::string("\0\0", 2), "3 a gRPC message was cut off"},
      {"a claim of 4 GiB", framed("abc", 0xffffffff), "8 a gRPC message of 4294967295 bytes"},
      {"a claim just over the limit", framed("", XdsServer::kRequestBytesMax + 1), "8 "},
      {"a compressed message", framed("abc", {}, true), "3 a gRPC message is compressed"},
      {"garbage", framed("\xff\xff\xff"), "3 xDS: the request is no DeltaDiscoveryRequest"},
      {"a string that is not UTF-8", framed("\x12\x01\xff"), "3 xDS: the request is no Delta"},
      {"a subscription by name", by_name(), "9 xDS: "},
  };
  for (const auto& row : rows) {
    INFO(std::string(row.fault));
    Bench bench;
    GrpcPeer peer(*bench.loop, bench.socket);
    for (int i = 0; i < 5; ++i) {  // the same again: one line for all of them
      peer.call(kMethod);
      peer.send(row.bytes);
      peer.end();
      const std::string told = peer.outcome();
      CAPTURE(told);
      CHECK(told.starts_with(row.told));
    }
    CHECK(bench.is_alone());
    CHECK(bench.server.offences() == 5);
    CHECK(bench.log.with("\terror\t") == 1);
    bench.check_neighbour();
  }
}

TEST_CASE("a method that does not exist is unimplemented and harms nobody") {
  Bench bench;
  GrpcPeer peer(*bench.loop, bench.socket);
  for (const char* path : {"/", "/x/y", "/envoy.service.discovery.v3.Nothing/StreamNothing"}) {
    peer.call(path);
    CHECK(peer.outcome().starts_with("12 "));
  }
  bench.check_neighbour();
}

TEST_CASE("bytes that are no HTTP/2 end that connection alone") {
  Bench bench;
  for (const auto& bytes : {std::string(64, '\xff'), std::string("GET / HTTP/1.1\r\n\r\n"),
                            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + std::string(64, '\xff')}) {
    const Fd peer = bench.socket.connect();
    bench.socket.say(peer, bytes);
    std::string last;
    while (last != "closed" && last != "nothing") {
      last = bench.socket.heard(peer);
    }
    CHECK(last == "closed");
  }
  INFO(bench.log.all());
  CHECK(bench.socket.within(3s, [&] { return bench.socket.offences() == 3; }));
  CHECK(bench.socket.within(3s, [&] { return bench.log.with("connection ended") == 1; }));
  bench.check_neighbour();
}

TEST_CASE("a client that goes away or resets in the middle of a message leaves nothing behind") {
  Bench bench;
  for (int i = 0; i < 20; ++i) {
    GrpcPeer peer(*bench.loop, bench.socket);
    peer.call(kMethod);
    peer.send(bytes_of(subscription("gone")) + framed("abc", 1000));
    CHECK(bench.socket.within(3s, [&] { return bench.server.client_count() == 2; }));
    if (i % 2 == 0) {
      peer.reset();
      CHECK(bench.is_alone());
    }
  }
  CHECK(bench.is_alone());
  CHECK(bench.server.offences() == 10);  // the resets; to leave is none
  CHECK(bench.log.with("\terror\t") == 1);
  bench.check_neighbour();
}

TEST_CASE("types nobody serves, unknown fields and foreign nonces are ignored") {
  Bench bench;
  GrpcPeer peer(*bench.loop, bench.socket);
  peer.call(kMethod);
  std::string all = framed(subscription().SerializeAsString() + "\xfa\x3e\x01x");
  for (int i = 0; i < 1000; ++i) {
    auto request = subscription();
    request.set_type_url("type/" + std::to_string(i));
    request.set_response_nonce("n" + std::to_string(i));
    request.mutable_error_detail()->set_message("no");
    all += bytes_of(request);
    request.set_type_url(control::kAddressType);
    all += bytes_of(request);
  }
  peer.send(all);
  CHECK(!bench.socket.within(50ms, [&] { return bench.server.client_count() != 2; }));
  CHECK(bench.server.problems().empty());
  CHECK(bench.server.offences() == 0);
  peer.end();
  CHECK(peer.outcome() == "0");
  bench.check_neighbour();
}

// nack refuses everything that has been or will be sent: nonces are numbers from 1.
std::string nack(int nonce, const std::string& reason, const std::string& node = "bad") {
  auto request = subscription(node);
  request.set_response_nonce(std::to_string(nonce));
  request.mutable_error_detail()->set_message(reason);
  return bytes_of(request);
}

TEST_CASE("a client that refuses every push gets each once, in one problem and one log line") {
  Bench bench;
  GrpcPeer peer(*bench.loop, bench.socket);
  peer.call(kMethod);
  peer.send(bytes_of(subscription()));
  for (int i = 1; i <= 100; ++i) {
    peer.send(nack(i, "reason " + std::to_string(i) + std::string(1 << 16, 'x')));
    CHECK(bench.socket.within(3s, [&] { return bench.server.offences() == std::uint64_t(i); }));
    bench.publish();
    CHECK(bench.socket.within(3s, [&] { return bench.known.starts_with(std::to_string(i)); }));
  }
  CHECK(bench.server.problems().size() == 1);
  CHECK(bench.server.problems().front().sentence.size() < XdsServer::kReasonBytesMax + 200);
  CHECK(bench.log.with("client refused resources") == 1);
  bench.check_neighbour();
  peer.leave();
  CHECK(bench.is_alone());
  CHECK(bench.server.problems().empty());
}

TEST_CASE("clients under ever new names that refuse and leave pile nothing up") {
  Bench bench;
  for (int i = 0; i < 50; ++i) {
    GrpcPeer peer(*bench.loop, bench.socket);
    peer.call(kMethod);
    const std::string name = std::to_string(i) + std::string(1 << 16, 'n');
    peer.send(bytes_of(subscription(name)));
    peer.send(nack(1, "no", name));
    CHECK(bench.socket.within(3s, [&] { return bench.server.problems().size() == 1; }));
    CHECK(bench.server.problems().front().object.size() == mesh::XdsSession::kNodeIdBytesMax);
    peer.leave();
    CHECK(bench.is_alone());
    CHECK(bench.server.problems().empty());
  }
}

TEST_CASE("a client that never reads or acknowledges holds one push, and not one of each change") {
  Bench bench;
  GrpcPeer peer(*bench.loop, bench.socket);
  peer.call(kMethod);
  peer.send(bytes_of(subscription()));
  CHECK(bench.socket.within(3s, [&] { return bench.server.client_count() == 2; }));
  for (int i = 0; i < 200; ++i) {
    const std::string value = bench.publish(1 << 18);
    CHECK(bench.socket.within(3s, [&] { return bench.known == value; }));
  }
  const auto heard = peer.buffered_bytes();
  CHECK(heard < 1 << 19);  // of 50 MiB
  bench.check_neighbour();
}

TEST_CASE("streams over the limit are refused, and those that are there go on") {
  Bench bench;
  GrpcPeer peer(*bench.loop, bench.socket);
  for (std::size_t i = 1; i < XdsServer::kStreamsMax; ++i) {
    peer.call(kMethod);
    peer.send(bytes_of(subscription()));
  }
  CHECK(bench.socket.within(3s,
                            [&] { return bench.server.client_count() == XdsServer::kStreamsMax; }));
  for (int i = 0; i < 20; ++i) {
    peer.call(kMethod);
    CHECK(peer.outcome().starts_with("8 xDS: 64 streams are served already"));
  }
  CHECK(bench.server.offences() == 20);
  CHECK(bench.log.with("\terror\t") == 1);
  bench.check_neighbour();
  peer.leave();
  CHECK(bench.is_alone());
}

}  // namespace
}  // namespace culvert::protocol
