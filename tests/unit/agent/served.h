// A server of the agent on a unix socket of its own, and how a client of ztunnel's dials it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <string>

#include "agent/root_socket.h"
#include "tests/unit/agent/scratch_folder.h"
#include "ztunnel/lib/io/loop.h"
#include "ztunnel/lib/net/unix.h"

namespace culvert {

inline io::Task<std::unique_ptr<net::Stream>> dial(io::Loop& loop, std::string path) {
  co_return co_await net::connect_unix(loop, std::move(path));
}

class Served {
 public:
  Served(io::Loop& loop, agent::Attendant& attendant) : loop_(loop), scope_(loop) {
    auto socket = agent::RootSocket::open(path(), net::UnixType::stream);
    REQUIRE(socket);
    socket_ = std::make_unique<agent::RootSocket>(std::move(*socket));
    scope_.spawn(socket_->serve(loop, attendant));
  }
  ~Served() { stop(scope_); }
  Served(const Served&) = delete;
  Served& operator=(const Served&) = delete;

  std::string path() const { return folder_ / "s.sock"; }
  void stop(io::Scope& scope) {
    scope.cancel();
    while (!scope.empty()) {
      (void)loop_.turn();
    }
  }
  // within asks `holds` until it says yes; a yes is not asked for twice.
  bool within(io::Duration limit, const std::function<bool()>& holds) {
    const auto until = io::Clock::now() + limit;
    while (!holds()) {
      if (io::Clock::now() >= until) {
        return false;
      }
      (void)loop_.turn(std::chrono::milliseconds(1));
    }
    return true;
  }

 private:
  io::Loop& loop_;
  ScratchFolder folder_;
  std::unique_ptr<agent::RootSocket> socket_;
  io::Scope scope_;
};

}  // namespace culvert
