// Streams of a connection: headers, bytes, both ends' ends.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "tests/unit/http/pair.h"

namespace culvert::http {
namespace {

io::Task<> echo(std::unique_ptr<H2Stream> stream) {
  co_await stream->respond(200);
  std::vector<std::uint8_t> buffer(8192);
  for (;;) {
    const std::size_t n = co_await stream->read_some(buffer);
    if (n == 0) {
      break;
    }
    co_await stream->write_all({buffer.data(), n});
  }
  co_await stream->shutdown_write();
}

io::Task<> echo_all(H2Connection& server, io::Scope& scope) {
  while (auto stream = co_await server.accept()) {
    scope.spawn(echo(std::move(stream)));
  }
}

TEST_CASE("a request and its response carry their headers, pseudo headers visible") {
  const auto result = in_pair([](Pair& pair) -> io::Task<> {
    HeaderList request = connect_request("10.1.2.3:8080");
    request.push_back({"baggage", "k8s.namespace.name=a"});
    auto up = co_await pair.client->open(request);
    auto down = co_await pair.server->accept();
    CHECK(down->request() == request);
    co_await down->respond(200, {{"baggage", "b"}});
    const HeaderList response = co_await up->response();
    CHECK(response == HeaderList{{":status", "200"}, {"baggage", "b"}});
    CHECK(pair.client->stream_count() == 1);
    CHECK(pair.server->stream_count() == 1);
  });
  CHECK(result);
}

TEST_CASE("bytes written before the answer ride behind the request") {
  const auto result = in_pair([](Pair& pair) -> io::Task<> {
    auto up = co_await pair.client->open(connect_request());
    co_await up->write_all(as_bytes("early"));
    auto down = co_await pair.server->accept();
    const std::string got = co_await read_exactly(*down, 5);
    CHECK(got == "early");
  });
  CHECK(result);
}

TEST_CASE("an answer with END_STREAM arrives although its stream is destroyed at once") {
  const auto result = in_pair([](Pair& pair) -> io::Task<> {
    auto up = co_await pair.client->open(connect_request());
    {
      auto down = co_await pair.server->accept();
      co_await down->respond(401, {}, /* end_stream= */ true);
    }
    const HeaderList response = co_await up->response();
    CHECK(*find_header(response, ":status") == "401");
    const std::string rest = co_await read_all(*up);
    CHECK(rest == "");
    auto write = co_await io::as_result(up->write_all(as_bytes("x")));
    CHECK(!write);
  });
  CHECK(result);
}

TEST_CASE("each direction ends by itself, and the other goes on") {
  const auto result = in_pair([](Pair& pair) -> io::Task<> {
    auto up = co_await pair.client->open(connect_request());
    co_await up->write_all(as_bytes("question"));
    co_await up->shutdown_write();
    auto down = co_await pair.server->accept();
    co_await down->respond(200);
    const std::string question = co_await read_all(*down);
    CHECK(question == "question");
    co_await down->write_all(as_bytes("late answer"));
    co_await down->shutdown_write();
    const std::string answer = co_await read_all(*up);
    CHECK(answer == "late answer");
    CHECK(pair.client->stream_count() == 0);
  });
  CHECK(result);
}

TEST_CASE("the server may end first and still read") {
  const auto result = in_pair([](Pair& pair) -> io::Task<> {
    auto up = co_await pair.client->open(connect_request());
    auto down = co_await pair.server->accept();
    co_await down->respond(200);
    co_await down->shutdown_write();
    const std::string rest = co_await read_all(*up);
    CHECK(rest == "");
    co_await up->write_all(as_bytes("more"));
    co_await up->shutdown_write();
    const std::string more = co_await read_all(*down);
    CHECK(more == "more");
  });
  CHECK(result);
}

io::Task<> send_and_end(H2Stream& stream, Bytes bytes) {
  co_await stream.write_all(bytes);
  co_await stream.shutdown_write();
}

io::Task<> exchange(Pair& pair, int number, std::size_t bytes, int& equal) {
  auto stream = co_await pair.client->open(connect_request());
  const std::string sent(bytes, static_cast<char>('a' + number % 26));
  io::Scope scope(pair.loop);
  scope.spawn(send_and_end(*stream, as_bytes(sent)));
  const auto got = co_await io::as_result(read_all(*stream));
  (void)co_await io::as_result(scope.join());
  equal += got && *got == sent ? 1 : 0;
}

TEST_CASE("many streams at once carry more than their windows, unmixed") {
  static int equal = 0;
  const auto result = in_pair([](Pair& pair) -> io::Task<> {
    io::Scope servers(pair.loop, io::Scope::OnFailure::ignore);
    io::Scope clients(pair.loop, io::Scope::OnFailure::ignore);
    servers.spawn(echo_all(*pair.server, servers));
    for (int i = 0; i < 150; ++i) {
      clients.spawn(exchange(pair, i, i % 10 == 0 ? 300'000 : 1000, equal));
    }
    (void)co_await io::as_result(clients.join());
    servers.cancel();
    (void)co_await io::as_result(servers.join());
    CHECK(pair.client->stream_count() == 0);
    CHECK(pair.server->stream_count() == 0);
    CHECK(pair.server->buffered_bytes() == 0);
  });
  CHECK(result);
  CHECK(equal == 150);
}

TEST_CASE("one stream carries megabytes, as its window widens") {
  static int equal = 0;
  const auto result = in_pair([](Pair& pair) -> io::Task<> {
    io::Scope servers(pair.loop, io::Scope::OnFailure::ignore);
    servers.spawn(echo_all(*pair.server, servers));
    co_await exchange(pair, 3, 10'000'000, equal);
    servers.cancel();
    (void)co_await io::as_result(servers.join());
  });
  CHECK(result);
  CHECK(equal == 1);
}

TEST_CASE("trailers follow the last byte") {
  const auto result = in_pair([](Pair& pair) -> io::Task<> {
    auto up = co_await pair.client->open(
        {{":method", "POST"}, {":scheme", "http"}, {":path", "/a"}, {":authority", "b"}});
    auto down = co_await pair.server->accept();
    co_await down->respond(200);
    co_await down->write_all(as_bytes("body"));
    co_await down->finish({{"grpc-status", "0"}});
    const std::string body = co_await read_all(*up);
    CHECK(body == "body");
    CHECK(up->trailers() == HeaderList{{"grpc-status", "0"}});
  });
  CHECK(result);
}

}  // namespace
}  // namespace culvert::http
