// How connections end: drain in two steps, at once, by a dead peer.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "tests/unit/http/pair.h"

namespace culvert::http {
namespace {

using std::chrono::milliseconds;

io::Task<> note_end(io::Task<> task, bool& ended) {
  co_await std::move(task);
  ended = true;
}

TEST_CASE(
    "a drained server takes what was under way, refuses the rest, and waits for its streams") {
  const auto result = in_pair([](Pair& pair) -> io::Task<> {
    auto first = co_await pair.client->open(connect_request("first:1"));
    auto first_down = co_await pair.server->accept();
    bool drained = false;
    io::Scope scope(pair.loop);
    // Opened before the client can know of the drain.
    auto second = co_await pair.client->open(connect_request("second:1"));
    scope.spawn(note_end(pair.server->drain(), drained));
    auto second_down = co_await pair.server->accept();
    CHECK(second_down != nullptr);
    auto none = co_await pair.server->accept();
    CHECK(none == nullptr);
    co_await pair.loop.sleep(milliseconds(5));
    CHECK(!pair.client->takes_streams());
    const auto third = co_await io::as_result(pair.client->open(connect_request()));
    CHECK(!third);
    CHECK(third.error().code == Errc::unavailable);
    CHECK(!drained);

    co_await first_down->respond(200);
    co_await first_down->write_all(as_bytes("still served"));
    co_await first_down->shutdown_write();
    const std::string served = co_await read_all(*first);
    CHECK(served == "still served");
    co_await first->shutdown_write();
    second_down.reset();
    co_await scope.join();
    CHECK(drained);
    while (!pair.client_ended || !pair.server_ended) {
      co_await pair.loop.sleep(milliseconds(1));
    }
    CHECK(*pair.client_ended);
    CHECK(*pair.server_ended);
  });
  CHECK(result);
}

TEST_CASE("a client drains an idle connection and both ends end in order") {
  const auto result = in_pair([](Pair& pair) -> io::Task<> {
    co_await pair.loop.sleep(milliseconds(2));
    co_await pair.client->drain();
    while (!pair.client_ended || !pair.server_ended) {
      co_await pair.loop.sleep(milliseconds(1));
    }
    CHECK(*pair.client_ended);
    CHECK(*pair.server_ended);
    auto none = co_await pair.server->accept();
    CHECK(none == nullptr);
  });
  CHECK(result);
}

TEST_CASE("a shutdown fails the streams of both ends at once") {
  const auto result = in_pair([](Pair& pair) -> io::Task<> {
    auto up = co_await pair.client->open(connect_request());
    auto down = co_await pair.server->accept();
    co_await down->respond(200);
    (void)co_await up->response();
    pair.server->shutdown();
    const auto own = co_await io::as_result(read_all(*down));
    CHECK(!own);
    const auto other = co_await io::as_result(read_all(*up));
    CHECK(!other);
    while (!pair.client_ended || !pair.server_ended) {
      co_await pair.loop.sleep(milliseconds(1));
    }
    CHECK(*pair.server_ended);
  });
  CHECK(result);
}

TEST_CASE("a peer that answers no PING is dead, and so are its streams") {
  auto loop = io::make_epoll_loop();
  const auto result = io::block_on(*loop, [](io::Loop& on) -> io::Task<> {
    auto ends = net::make_pipe(on, 64 * 1024);
    H2Connection server(on, std::move(ends[1]), H2Role::server);
    H2Connection client(on, std::move(ends[0]), H2Role::client,
                        {.ping_interval = milliseconds(20), .ping_timeout = milliseconds(30)});
    std::optional<Result<>> client_ended;
    std::optional<Result<>> server_ended;
    io::Scope clients(on);
    io::Scope servers(on);
    clients.spawn(run_connection(client, client_ended));
    servers.spawn(run_connection(server, server_ended));
    auto up = co_await client.open(connect_request());
    auto down = co_await server.accept();
    co_await on.sleep(milliseconds(120));
    CHECK(!client_ended);  // it answered

    servers.cancel();  // the transport stays open: no end of stream, only silence
    (void)co_await io::as_result(servers.join());
    const auto response = co_await io::as_result(up->response());
    CHECK(!response);
    co_await clients.join();
    CHECK(!*client_ended);
    CHECK(client_ended->error().code == Errc::timed_out);
  }(*loop));
  CHECK(result);
}

TEST_CASE("a peer that never sends SETTINGS is given up") {
  auto loop = io::make_epoll_loop();
  const auto result = io::block_on(*loop, [](io::Loop& on) -> io::Task<> {
    auto ends = net::make_pipe(on);
    H2Connection server(on, std::move(ends[1]), H2Role::server,
                        {.settings_timeout = milliseconds(20)});
    const auto ended = co_await io::as_result(server.run());
    CHECK(!ended);
    CHECK(ended.error().code == Errc::timed_out);
  }(*loop));
  CHECK(result);
}

}  // namespace
}  // namespace culvert::http
