// SPDX-License-Identifier: Apache-2.0
#include "agent/root_socket.h"

#include <fmt/format.h>

#include <filesystem>

namespace culvert::agent {

namespace {

// A failing accept (out of descriptors) fails again at once: 100 ms give others time to close some.
constexpr io::Duration kAcceptPause = std::chrono::milliseconds(100);

}  // namespace

Result<RootSocket> RootSocket::open(std::string path, net::UnixType type) {
  const auto directory = std::filesystem::path(path).parent_path();
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) {
    return fail(Errc::config,
                fmt::format("make the directory {}: {}", directory.string(), error.message()));
  }
  TRY(auto listener, net::listen_unix(path, type));
  return RootSocket(std::move(path), std::move(listener));
}

io::Task<> RootSocket::serve(io::Loop& loop, Attendant& attendant) {
  io::Scope connections(loop, io::Scope::OnFailure::ignore);
  auto ended = co_await as_result(accept_all(loop, attendant, connections));
  connections.cancel();
  co_await connections.join();
  co_await std::move(ended);
}

io::Task<> RootSocket::accept_all(io::Loop& loop, Attendant& attendant, io::Scope& connections) {
  for (;;) {
    auto connection = co_await as_result(loop.accept(listener_.get()));
    if (!connection) {
      if (connection.error().code == Errc::cancelled) {
        co_await fail(connection.error());
      }
      warnings_.log(loop.now(), "accept", "accept failed",
                    {{"socket", path_}, {"error", connection.error()}});
      co_await loop.sleep(kAcceptPause);
      continue;
    }
    if (connections.size() >= kConnectionsMax) {
      ++offences_;
      warnings_.log(loop.now(), "full", "connection refused: too many at a time",
                    {{"socket", path_}, {"limit", kConnectionsMax}});
      continue;
    }
    connections.spawn(attend_one(loop, attendant, std::move(*connection)));
  }
}

io::Task<> RootSocket::attend_one(io::Loop& loop, Attendant& attendant, Fd connection) {
  const auto peer = co_await net::peer_credentials(connection.get());
  if (peer.uid != 0) {
    ++offences_;
    warnings_.log(loop.now(), "not root", "connection refused: only root may use this socket",
                  {{"socket", path_}, {"uid", peer.uid}, {"pid", peer.pid}});
    co_return;
  }
  auto served = co_await as_result(attendant.attend(std::move(connection), peer));
  if (!served && served.error().code != Errc::cancelled) {
    // Clients that go away, also in the middle of a stream, are everyday life.
    const bool left = served.error().code == Errc::closed;
    offences_ += left ? 0 : 1;
    (left ? endings_ : warnings_)
        .log(loop.now(), "ended", "connection ended",
             {{"socket", path_}, {"pid", peer.pid}, {"error", served.error()}});
  }
}

}  // namespace culvert::agent
