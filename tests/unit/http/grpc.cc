// gRPC calls between a channel and a server of one process.
// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/http/grpc.h"

#include <doctest/doctest.h>

#include "tests/unit/http/pair.h"

namespace culvert::http {
namespace {

using std::chrono::milliseconds;

io::Task<> serve_quietly(GrpcServer& server, io::Loop& loop, std::unique_ptr<net::Stream> end) {
  (void)co_await io::as_result(server.serve(loop, std::move(end)));
}

io::Task<std::unique_ptr<net::Stream>> dial_pipe(io::Loop& loop, GrpcServer& server,
                                                 io::Scope& servers, int& dials) {
  ++dials;
  auto ends = net::make_pipe(loop);
  servers.spawn(serve_quietly(server, loop, std::move(ends[1])));
  co_return std::move(ends[0]);
}

io::Task<> run_quietly(GrpcChannel& channel) {
  (void)co_await io::as_result(channel.run());
}

// A server with a few methods, and a channel to it.
struct Service {
  explicit Service(io::Loop& event_loop, std::size_t message_bytes_max = kGrpcMessageBytesMax)
      : loop(event_loop),
        server(message_bytes_max),
        servers(loop, io::Scope::OnFailure::ignore),
        rng(1),
        channel(loop, rng, [this] { return dial_pipe(loop, server, servers, dials); }),
        channels(loop) {
    channels.spawn(run_quietly(channel));
  }
  io::Task<> close() {
    channels.cancel();
    (void)co_await io::as_result(channels.join());
    servers.cancel();
    (void)co_await io::as_result(servers.join());
  }

  io::Loop& loop;
  GrpcServer server;
  io::Scope servers;
  int dials = 0;
  Rng rng;
  GrpcChannel channel;
  io::Scope channels;
};

io::Task<> echo_upper(GrpcCall& call) {
  while (auto message = co_await call.receive()) {
    for (char& c : *message) {
      c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    }
    co_await call.send(std::move(*message));
  }
}

io::Task<> refuse(GrpcCall&) {
  co_await fail(Errc::denied, "no: 100% \"no\"\n");
}

io::Task<> say_and_fail(GrpcCall& call) {
  co_await call.send("first");
  co_await fail(Errc::unavailable, "then gone");
}

Result<> with_service(io::Task<> (*body)(Service&)) {
  auto loop = io::make_epoll_loop();
  return io::block_on(*loop, [](io::Loop& on, io::Task<> (*run)(Service&)) -> io::Task<> {
    Service service(on, 3'000'000);
    service.server.add("/t.T/Upper", echo_upper);
    service.server.add("/t.T/Refuse", refuse);
    service.server.add("/t.T/SayAndFail", say_and_fail);
    auto result = co_await io::as_result(run(service));
    co_await service.close();
    co_await std::move(result);
  }(*loop, body));
}

TEST_CASE("a unary call gives the response, also an empty and a large one") {
  const auto result = with_service([](Service& service) -> io::Task<> {
    auto& channel = service.channel;
    const std::string one = co_await channel.unary("/t.T/Upper", {}, "abc", milliseconds(1000));
    CHECK(one == "ABC");
    const std::string none = co_await channel.unary("/t.T/Upper", {}, "", milliseconds(1000));
    CHECK(none.empty());
    const std::string large =
        co_await channel.unary("/t.T/Upper", {}, std::string(2'000'000, 'z'), milliseconds(5000));
    CHECK(large == std::string(2'000'000, 'Z'));
    CHECK(service.dials == 1);
  });
  CHECK(result);
}

TEST_CASE("a method's failure arrives as its status with its words") {
  const auto result = with_service([](Service& service) -> io::Task<> {
    const auto refused =
        co_await io::as_result(service.channel.unary("/t.T/Refuse", {}, "x", milliseconds(1000)));
    CHECK(!refused);
    CHECK(refused.error().code == Errc::denied);
    CHECK(refused.error().context == "the server answered PERMISSION_DENIED: no: 100% \"no\"\n");
    const auto unknown =
        co_await io::as_result(service.channel.unary("/t.T/Nothing", {}, "x", milliseconds(1000)));
    CHECK(!unknown);
    CHECK(unknown.error().code == Errc::not_found);
    const auto late = co_await io::as_result(
        service.channel.unary("/t.T/SayAndFail", {}, "x", milliseconds(1000)));
    CHECK(!late);
    CHECK(late.error().code == Errc::unavailable);
  });
  CHECK(result);
}

TEST_CASE("a streaming call goes both ways and ends with OK") {
  const auto result = with_service([](Service& service) -> io::Task<> {
    GrpcCall call = co_await service.channel.call("/t.T/Upper", {{"clusterid", "c"}});
    for (const char* word : {"a", "bb", "ccc"}) {
      co_await call.send(word);
      const auto answer = co_await call.receive();
      CHECK(answer->size() == std::string_view(word).size());
    }
    co_await call.end_requests();
    const auto end = co_await call.receive();
    CHECK(!end);
    CHECK(call.status()->code == GrpcCode::ok);
  });
  CHECK(result);
}

TEST_CASE("a message above the limit is refused by name of the limit") {
  const auto result = with_service([](Service& service) -> io::Task<> {
    const auto refused = co_await io::as_result(
        service.channel.unary("/t.T/Upper", {}, std::string(3'500'000, 'x'), milliseconds(5000)));
    CHECK(!refused);
    CHECK(refused.error().code == Errc::limit);
  });
  CHECK(result);
}

TEST_CASE("a channel connects again after its connection ended") {
  const auto result = with_service([](Service& service) -> io::Task<> {
    (void)co_await service.channel.unary("/t.T/Upper", {}, "a", milliseconds(1000));
    service.servers.cancel();
    (void)co_await io::as_result(service.servers.join());
    co_await service.loop.sleep(milliseconds(5));
    CHECK(!service.channel.connected());
    CHECK(service.dials == 1);
  });
  CHECK(result);
}

io::Task<std::unique_ptr<net::Stream>> dial_nobody(io::Loop& loop, int& dials) {
  ++dials;
  co_await loop.sleep(milliseconds(2));
  co_return fail(Errc::unavailable, "connect: refused");
}

io::Task<> count_failure(GrpcChannel& channel, int& failures) {
  const auto r = co_await io::as_result(channel.unary("/t.T/Upper", {}, "a", milliseconds(1000)));
  failures += !r && r.error().code == Errc::unavailable &&
                      r.error().context.find("connect: refused") != std::string::npos
                  ? 1
                  : 0;
}

TEST_CASE("all calls that wait for one connect fail with its cause") {
  auto loop = io::make_epoll_loop();
  int dials = 0;
  int failures = 0;
  const auto result = io::block_on(*loop, [](io::Loop& on, int& d, int& f) -> io::Task<> {
    Rng rng(1);
    GrpcChannel channel(on, rng, [&on, &d] { return dial_nobody(on, d); });
    io::Scope channels(on);
    channels.spawn(run_quietly(channel));
    io::Scope calls(on);
    for (int i = 0; i < 20; ++i) {
      calls.spawn(count_failure(channel, f));
    }
    co_await calls.join();
    channels.cancel();
    (void)co_await io::as_result(channels.join());
  }(*loop, dials, failures));
  CHECK(result);
  CHECK(failures == 20);
  CHECK(dials == 1);
}

}  // namespace
}  // namespace culvert::http
