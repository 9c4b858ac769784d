// XdsServer: serves the desired mesh to the ztunnels of the node, as deltas over gRPC on a unix
// socket.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/mesh/desired.h"
#include "agent/mesh/objects.h"
#include "agent/mesh/xds_session.h"
#include "agent/root_socket.h"
#include "ztunnel/lib/http/grpc.h"
#include "ztunnel/lib/io/event.h"
#include "ztunnel/lib/io/loop.h"
#include "ztunnel/lib/obs/log.h"

namespace culvert::mesh {

class XdsServer final : public agent::Attendant {
 public:
  // 64 MiB a request: a reconnect names every resource that the client has kept.
  static constexpr std::size_t kRequestBytesMax = std::size_t{64} << 20;

  // 64 streams: the two ztunnels of an upgrade need one each; each one's state is as large as the
  // mesh has names.
  static constexpr std::size_t kStreamsMax = 64;
  // 4 KiB of a refusal's text are kept: what a person reads.
  static constexpr std::size_t kReasonBytesMax = 4096;

  explicit XdsServer(io::Loop& loop);

  // publish makes `mesh` what is served and wakes every stream. Before the first call clients wait:
  // an unfinished mesh may lack policies.
  void publish(std::shared_ptr<const DesiredMesh> mesh);

  // attend serves one client until it goes.
  io::Task<> attend(Fd connection, net::PeerCredentials peer) override;

  // problems has what clients refused, until they take a response of that type again or leave.
  std::vector<Problem> problems() const;
  // is_heard: there are clients, and all of them have taken what was published last.
  bool is_heard() const;
  std::size_t client_count() const { return sessions_.size(); }
  // offences counts NACKs, and streams that were refused or broke the protocol.
  std::uint64_t offences() const { return offences_; }

 private:
  io::Task<> stream(http::GrpcCall& call);
  io::Task<> serve_stream(http::GrpcCall& call);
  io::Task<> read_requests(http::GrpcCall& call, XdsSession& session);
  io::Task<> write_responses(http::GrpcCall& call, XdsSession& session);
  void note(const XdsSession& session, const std::string& type_url,
            const std::optional<Nack>& nack);
  void forget(std::list<XdsSession>::iterator session);

  io::Loop& loop_;
  http::GrpcServer grpc_;
  std::shared_ptr<const DesiredMesh> mesh_;
  std::uint64_t generation_ = 0;
  std::uint64_t offences_ = 0;
  std::list<XdsSession> sessions_;                                    // one a stream
  std::map<std::pair<std::string, std::string>, std::string> nacks_;  // node id, type → reason
  obs::RateLimitedLog log_{{.level = obs::Level::error, .scope = "mesh::xds"}};
  io::Event changed_;  // the mesh, or what a client has said
};

}  // namespace culvert::mesh
