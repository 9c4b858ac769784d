// A handshake and an exchange, cancelled at every suspension.
// SPDX-License-Identifier: Apache-2.0
#include "tests/support/sim.h"
#include "tests/unit/tls/parties.h"

namespace culvert::tls {
namespace {

io::Task<> echo_once(io::Loop& loop, std::unique_ptr<net::Stream> transport,
                     WorkloadIdentityPtr identity) {
  const auto stream = co_await accept_tls(loop, std::move(transport), std::move(identity));
  const auto text = co_await read_all(*stream);
  co_await write_text(*stream, text);
  co_await stream->shutdown_write();
}

io::Task<> ask(io::Loop& loop, std::unique_ptr<net::Stream> transport,
               WorkloadIdentityPtr identity) {
  const auto stream =
      co_await connect_tls(loop, std::move(transport), std::move(identity), {spiffe("server")});
  co_await write_text(*stream, std::string(3000, 'q'));
  co_await stream->shutdown_write();
  const auto answer = co_await read_all(*stream);
  if (answer != std::string(3000, 'q')) {
    co_await fail(Errc::protocol, "a wrong answer");
  }
}

TEST_CASE("a connection can be cancelled at any moment: nothing leaks, hangs or crashes") {
  const auto ca = authority();
  const auto server = party(ca, spiffe("server"));
  const auto client = party(ca, spiffe("client"));
  const auto report = sim::cancel_everywhere([&](io::SimLoop& loop) -> io::Task<> {
    return [](io::SimLoop& l, WorkloadIdentityPtr s, WorkloadIdentityPtr c) -> io::Task<> {
      auto pipe = net::make_pipe(l, 1500);
      io::Scope scope(l);
      scope.spawn(echo_once(l, std::move(pipe[0]), std::move(s)));
      scope.spawn(ask(l, std::move(pipe[1]), std::move(c)));
      co_await scope.join();
    }(loop, server, client);
  });
  for (const auto& problem : report.problems) {
    FAIL_CHECK(problem);
  }
  CHECK(report.suspensions > 20);
}

}  // namespace
}  // namespace culvert::tls
