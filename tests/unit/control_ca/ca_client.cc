// The CA client against a server of the same protocol.
// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/control/ca_client.h"

#include <doctest/doctest.h>

#include "ztunnel/lib/control/proto/ca.pb.h"
#include "ztunnel/lib/io/sim_loop.h"
#include "ztunnel/lib/net/pipe_stream.h"

namespace culvert::control {
namespace {

const SpiffeId kId{"cluster.local", "demo", "client"};

// A server that gives one answer and keeps the question.
struct Server {
  explicit Server(io::Loop& on) : loop(on), connections(on, io::Scope::OnFailure::ignore) {
    grpc.add(kCreateCertificate, [this](http::GrpcCall& call) { return answer_call(*this, call); });
  }

  static io::Task<> answer_call(Server& self, http::GrpcCall& call) {
    if (const auto* value = http::find_header(call.request(), "clusterid")) {
      self.cluster_id = *value;
    }
    const auto message = co_await call.receive();
    self.request.ParseFromString(message.value_or(""));
    if (self.failure) {
      co_await fail(*self.failure);
    }
    co_await call.send(self.answer);
  }

  http::GrpcChannel::Dial dial() {
    return [this] { return connect(*this); };
  }

  static io::Task<std::unique_ptr<net::Stream>> connect(Server& self) {
    auto pipe = net::make_pipe(self.loop);
    self.connections.spawn(self.grpc.serve(self.loop, std::move(pipe[0])));
    co_return std::move(pipe[1]);
  }

  io::Loop& loop;
  http::GrpcServer grpc;
  istio::v1::auth::IstioCertificateRequest request;
  std::string cluster_id;
  std::string answer;
  std::optional<Error> failure;
  io::Scope connections;
};

io::Task<> end(io::Scope& scope) {
  scope.cancel();
  (void)co_await as_result(scope.join());
}

// Asks `server` and closes everything.
Result<SignedChain> sign_with(Server& server, io::Loop& loop) {
  Rng rng(1);
  CaClient client(loop, rng, server.dial(), {.lifetime = std::chrono::hours(12)});
  io::Scope scope(loop, io::Scope::OnFailure::ignore);
  scope.spawn(client.run());
  auto result = block_on(loop, client.sign("the request", kId));
  CHECK(block_on(loop, end(scope)));
  CHECK(block_on(loop, end(server.connections)));
  return result;
}

std::string chain_of(const std::vector<std::string>& elements) {
  istio::v1::auth::IstioCertificateResponse response;
  for (const auto& element : elements) {
    response.add_cert_chain(element);
  }
  return response.SerializeAsString();
}

TEST_CASE("the request says what is to be signed, for whom and for how long") {
  io::SimLoop loop;
  Server server(loop);
  server.answer = chain_of({"leaf", "root"});
  REQUIRE(sign_with(server, loop));
  CHECK(server.request.csr() == "the request");
  CHECK(server.request.validity_duration() == 12 * 3600);
  CHECK(server.request.metadata().fields().at("ImpersonatedIdentity").string_value() ==
        "spiffe://cluster.local/ns/demo/sa/client");
  CHECK(server.cluster_id == "Kubernetes");
}

TEST_CASE("the last element of the answer is the roots, all before it are the chain") {
  io::SimLoop loop;
  Server server(loop);
  server.answer = chain_of({"leaf", "first", "second", "roots"});
  const auto signed_chain = sign_with(server, loop);
  REQUIRE(signed_chain);
  CHECK(signed_chain->chain == std::vector<std::string>{"leaf", "first", "second"});
  CHECK(signed_chain->roots == "roots");
}

TEST_CASE("an answer without a root, without anything, or of other bytes is a broken protocol") {
  for (const auto& answer : {chain_of({"leaf"}), chain_of({}), std::string("\xff\xff\xff")}) {
    io::SimLoop loop;
    Server server(loop);
    server.answer = answer;
    const auto signed_chain = sign_with(server, loop);
    REQUIRE(!signed_chain);
    CHECK(signed_chain.error().code == Errc::protocol);
    CHECK(signed_chain.error().side == Side::control);
  }
}

TEST_CASE("what the CA refuses is passed on in its words") {
  io::SimLoop loop;
  Server server(loop);
  server.failure = Error{.code = Errc::denied, .context = "no pod of this node has the identity"};
  const auto signed_chain = sign_with(server, loop);
  REQUIRE(!signed_chain);
  CHECK(signed_chain.error().code == Errc::denied);
  CHECK(to_string(signed_chain.error()).find("no pod of this node has the identity") !=
        std::string::npos);
}

}  // namespace
}  // namespace culvert::control
