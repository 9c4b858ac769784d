// RootSocket: a unix socket of the agent that serves root alone. Owns the accepting and the limit;
// knows nothing of what is spoken.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "ztunnel/lib/base/fd.h"
#include "ztunnel/lib/base/result.h"
#include "ztunnel/lib/io/loop.h"
#include "ztunnel/lib/io/task.h"
#include "ztunnel/lib/net/unix.h"
#include "ztunnel/lib/obs/log.h"

namespace culvert::agent {

// Attendant serves one connection after the other, or many at a time; its failures are logged once.
class Attendant {
 public:
  virtual ~Attendant() = default;
  virtual io::Task<> attend(Fd connection, net::PeerCredentials peer) = 0;
};

class RootSocket {
 public:
  // 64 connections a socket: two ztunnels of an upgrade, and CNI plugins of pods that start at
  // once.
  static constexpr std::size_t kConnectionsMax = 64;

  // open listens at `path`, mode 0600, in a directory that is made if it is absent. Fails with
  // `config` when a live process serves the path.
  static Result<RootSocket> open(std::string path, net::UnixType type);

  // serve accepts until it is cancelled; connections of others than root are closed at once. The
  // loop and the attendant must outlive the task.
  io::Task<> serve(io::Loop& loop, Attendant& attendant);

  const std::string& path() const { return path_; }
  // offences counts connections that were refused, and those that broke what is spoken.
  std::uint64_t offences() const { return offences_; }

 private:
  RootSocket(std::string path, Fd listener)
      : path_(std::move(path)), listener_(std::move(listener)) {}
  io::Task<> accept_all(io::Loop& loop, Attendant& attendant, io::Scope& connections);
  io::Task<> attend_one(io::Loop& loop, Attendant& attendant, Fd connection);

  std::string path_;
  Fd listener_;
  std::uint64_t offences_ = 0;
  // Peers decide how often each of these happens.
  obs::RateLimitedLog warnings_{{.level = obs::Level::warn, .scope = "agent::socket"}};
  obs::RateLimitedLog endings_{{.level = obs::Level::info, .scope = "agent::socket"}};
};

}  // namespace culvert::agent
