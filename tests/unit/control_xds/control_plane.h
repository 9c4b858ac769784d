// A control plane of a test: it answers each stream from a script and writes down what it was
// asked.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ztunnel/lib/control/proto/discovery.pb.h"
#include "ztunnel/lib/http/grpc.h"
#include "ztunnel/lib/io/scope.h"
#include "ztunnel/lib/net/pipe_stream.h"

namespace culvert::control {

using envoy::service::discovery::v3::DeltaDiscoveryRequest;
using envoy::service::discovery::v3::DeltaDiscoveryResponse;

inline DeltaDiscoveryResponse response_with(std::string type_url, std::vector<std::string> names,
                                            std::vector<std::string> removed = {},
                                            std::string version = "v1") {
  DeltaDiscoveryResponse response;
  response.set_type_url(type_url);
  response.set_nonce("nonce-" + version);
  for (const std::string& name : names) {
    auto& resource = *response.add_resources();
    resource.set_name(name);
    resource.set_version(version);
    resource.mutable_resource()->set_type_url(type_url);
    resource.mutable_resource()->set_value("value of " + name);
  }
  for (const std::string& name : removed) {
    response.add_removed_resources(name);
  }
  return response;
}

class ControlPlane {
 public:
  // A script is one stream's life after both subscriptions were read.
  using Script = std::function<io::Task<>(ControlPlane&, http::GrpcCall&)>;

  explicit ControlPlane(io::Loop& loop)
      : loop_(loop), connections_(loop, io::Scope::OnFailure::ignore) {
    server_.add("/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources",
                [this](http::GrpcCall& call) { return stream(*this, call); });
  }

  // One script for each stream to come, in order; further streams are refused as UNAVAILABLE.
  std::vector<Script> scripts;
  std::vector<DeltaDiscoveryRequest> requests;  // in order, of all streams
  std::size_t streams = 0;
  int dials = 0;
  int refused_dials = 0;  // how many dials to refuse first

  http::GrpcChannel::Dial dial() {
    return [this] { return connect(*this); };
  }

  // read_request takes one request down.
  io::Task<> read_request(http::GrpcCall& call) {
    auto message = co_await call.receive();
    if (!message) {
      co_await fail(Errc::closed, "no more requests");
    }
    requests.emplace_back().ParseFromString(*message);
  }

  io::Task<> send(http::GrpcCall& call, DeltaDiscoveryResponse response) {
    co_await call.send(response.SerializeAsString());
  }

  io::Task<> close() {
    connections_.cancel();
    (void)co_await io::as_result(connections_.join());
  }

 private:
  static io::Task<> stream(ControlPlane& self, http::GrpcCall& call) {
    const std::size_t number = self.streams++;
    co_await self.read_request(call);
    co_await self.read_request(call);
    if (number >= self.scripts.size()) {
      co_await fail(Errc::unavailable, "out of scripts");
    }
    co_await self.scripts[number](self, call);
  }

  static io::Task<std::unique_ptr<net::Stream>> connect(ControlPlane& self) {
    ++self.dials;
    if (self.dials <= self.refused_dials) {
      co_return fail(Errc::unavailable, "connect: refused");
    }
    auto ends = net::make_pipe(self.loop_);
    self.connections_.spawn(serve(self, std::move(ends[1])));
    co_return std::move(ends[0]);
  }

  static io::Task<> serve(ControlPlane& self, std::unique_ptr<net::Stream> end) {
    (void)co_await io::as_result(self.server_.serve(self.loop_, std::move(end)));
  }

  io::Loop& loop_;
  http::GrpcServer server_;
  io::Scope connections_;
};

}  // namespace culvert::control
