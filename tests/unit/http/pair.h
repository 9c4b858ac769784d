// A client and a server connection of one process over a pipe, and what tests do with them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ztunnel/lib/http/h2_connection.h"
#include "ztunnel/lib/io/loop.h"
#include "ztunnel/lib/io/scope.h"
#include "ztunnel/lib/net/pipe_stream.h"

namespace culvert::http {

inline HeaderList connect_request(std::string authority = "10.0.0.1:80") {
  return {{":method", "CONNECT"}, {":authority", std::move(authority)}};
}

// run_connection puts down how a connection ended.
inline io::Task<> run_connection(H2Connection& connection, std::optional<Result<>>& ended) {
  ended = co_await io::as_result(connection.run());
}

struct Pair {
  explicit Pair(io::Loop& event_loop, H2Options server_options = {}, H2Options client_options = {},
                std::size_t pipe_bytes = 64 * 1024)
      : loop(event_loop), scope(loop, io::Scope::OnFailure::ignore) {
    auto ends = net::make_pipe(loop, pipe_bytes);
    client =
        std::make_unique<H2Connection>(loop, std::move(ends[0]), H2Role::client, client_options);
    server =
        std::make_unique<H2Connection>(loop, std::move(ends[1]), H2Role::server, server_options);
    scope.spawn(run_connection(*client, client_ended));
    scope.spawn(run_connection(*server, server_ended));
  }

  // close ends both connections; every test's body calls it last.
  io::Task<> close() {
    scope.cancel();
    co_await scope.join();
  }

  io::Loop& loop;
  std::unique_ptr<H2Connection> client;
  std::unique_ptr<H2Connection> server;
  std::optional<Result<>> client_ended;
  std::optional<Result<>> server_ended;
  io::Scope scope;
};

// read_all reads until the end of the stream.
inline io::Task<std::string> read_all(net::Stream& stream) {
  std::string all;
  std::vector<std::uint8_t> buffer(4096);
  for (;;) {
    const std::size_t n = co_await stream.read_some(buffer);
    if (n == 0) {
      co_return all;
    }
    all += as_text({buffer.data(), n});
  }
}

// read_exactly reads `bytes` bytes, or less where the stream ends.
inline io::Task<std::string> read_exactly(net::Stream& stream, std::size_t bytes) {
  std::string all(bytes, '\0');
  std::size_t have = 0;
  while (have < bytes) {
    const std::size_t n = co_await stream.read_some(
        {reinterpret_cast<std::uint8_t*>(all.data()) + have, bytes - have});
    if (n == 0) {
      break;
    }
    have += n;
  }
  all.resize(have);
  co_return all;
}

// in_pair runs `body` with a fresh pair on a loop of its own and closes the pair after it.
inline Result<> in_pair(io::Task<> (*body)(Pair&), H2Options server_options = {},
                        H2Options client_options = {}) {
  auto loop = io::make_epoll_loop();
  return io::block_on(
      *loop,
      [](io::Loop& on, io::Task<> (*run)(Pair&), H2Options server, H2Options client) -> io::Task<> {
        Pair pair(on, server, client);
        auto result = co_await io::as_result(run(pair));
        (void)co_await io::as_result(pair.close());
        co_await std::move(result);
      }(*loop, body, server_options, client_options));
}

}  // namespace culvert::http
