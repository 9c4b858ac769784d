// SPDX-License-Identifier: Apache-2.0
#include "agent/mesh/xds_server.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "ztunnel/lib/net/socket_stream.h"

namespace culvert::mesh {

namespace {

constexpr std::string_view kScope = "mesh::xds";
constexpr const char* kMethod =
    "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";

}  // namespace

XdsServer::XdsServer(io::Loop& loop) : loop_(loop), grpc_(kRequestBytesMax) {
  grpc_.add(kMethod, [this](http::GrpcCall& call) { return stream(call); });
}

void XdsServer::publish(std::shared_ptr<const DesiredMesh> mesh) {
  mesh_ = std::move(mesh);
  ++generation_;
  changed_.notify_all();
}

io::Task<> XdsServer::attend(Fd connection, net::PeerCredentials) {
  co_await grpc_.serve(loop_, std::make_unique<net::SocketStream>(loop_, std::move(connection)));
}

io::Task<> XdsServer::stream(http::GrpcCall& call) {
  auto ended = co_await as_result(serve_stream(call));
  if (!ended && ended.error().code != Errc::cancelled && ended.error().code != Errc::closed) {
    ++offences_;
    log_.log(loop_.now(), "broken", "stream ended", {{"error", ended.error()}});
  }
  co_await std::move(ended);
}

io::Task<> XdsServer::serve_stream(http::GrpcCall& call) {
  if (sessions_.size() >= kStreamsMax) {
    co_await fail(Errc::limit, fmt::format("xDS: {} streams are served already", kStreamsMax));
  }
  const auto session = sessions_.emplace(sessions_.end());
  io::Scope scope(loop_);
  scope.spawn(write_responses(call, *session));
  auto ended = co_await as_result(read_requests(call, *session));
  scope.cancel();
  auto written = co_await as_result(scope.join());
  obs::log(obs::Level::info, kScope, "client has gone", {{"node", session->node_id()}});
  forget(session);
  if (ended && !written && written.error().code != Errc::cancelled) {
    ended = std::move(written);
  }
  co_await std::move(ended);
}

io::Task<> XdsServer::read_requests(http::GrpcCall& call, XdsSession& session) {
  bool is_new = true;
  for (;;) {
    auto message = co_await call.receive();
    if (!message) {
      co_return;
    }
    DeltaRequest request;
    if (!request.ParseFromString(*message)) {
      co_await fail(Errc::protocol, "xDS: the request is no DeltaDiscoveryRequest");
    }
    const auto nack = co_await session.take(request);
    if (std::exchange(is_new, false)) {
      obs::log(obs::Level::info, kScope, "client connected", {{"node", session.node_id()}});
    }
    if (!request.response_nonce().empty()) {
      note(session, request.type_url(), nack);
    }
    changed_.notify_all();
  }
}

io::Task<> XdsServer::write_responses(http::GrpcCall& call, XdsSession& session) {
  for (;;) {
    std::optional<DeltaResponse> response;
    if (mesh_) {
      response = session.next(*mesh_, generation_);
    }
    if (!response) {
      co_await changed_.wait();
      continue;
    }
    obs::log(obs::Level::debug, kScope, "push",
             {{"type", response->type_url()},
              {"changed", response->resources_size()},
              {"removed", response->removed_resources_size()}});
    co_await call.send(response->SerializeAsString());
  }
}

void XdsServer::note(const XdsSession& session, const std::string& type_url,
                     const std::optional<Nack>& nack) {
  const auto key = std::make_pair(session.node_id(), type_url);
  if (!nack) {
    nacks_.erase(key);
    return;
  }
  ++offences_;
  std::string& reason = nacks_[key];
  if (const std::string said = nack->reason.substr(0, kReasonBytesMax); reason != said) {
    reason = said;
    log_.log(loop_.now(), "refused", "client refused resources",
             {{"node", session.node_id()}, {"type", type_url}, {"reason", reason}});
  }
}

// What a client refused is of interest for as long as it is there.
void XdsServer::forget(std::list<XdsSession>::iterator session) {
  const std::string node = session->node_id();
  sessions_.erase(session);
  if (std::ranges::find(sessions_, node, &XdsSession::node_id) == sessions_.end()) {
    std::erase_if(nacks_, [&](const auto& nack) { return nack.first.first == node; });
  }
}

bool XdsServer::is_heard() const {
  return !sessions_.empty() && std::ranges::all_of(sessions_, [this](const XdsSession& session) {
    return session.is_up_to_date(generation_);
  });
}

std::vector<Problem> XdsServer::problems() const {
  std::vector<Problem> problems;
  problems.reserve(nacks_.size());
  for (const auto& [key, reason] : nacks_) {
    problems.push_back(
        {.file = "",
         .object = key.first,
         .sentence = fmt::format("{} refused {}: {}", key.first, key.second, reason)});
  }
  return problems;
}

}  // namespace culvert::mesh
