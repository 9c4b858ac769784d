// HttpServer with clients that behave and clients that do not.
// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/admin/http_server.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <thread>

#include "tests/unit/admin/raw_client.h"
#include "tests/unit/admin/temporary_folder.h"

namespace culvert::admin {
namespace {

Routes echo_routes() {
  Routes routes;
  routes.get("/echo", [](const HttpRequest& request) {
    std::string text = request.accept + "|";
    for (const auto& [key, value] : request.query) {
      text.append(key).append("=").append(value).append(";");
    }
    return text_response(200, text);
  });
  routes.post("/act", [](const HttpRequest&) { return json_response("{}"); });
  return routes;
}

TEST_CASE("a request reaches its route with its query and its Accept header") {
  HttpServer server;
  const auto port = server.listen_loopback(0, echo_routes());
  REQUIRE(port);
  server.start();
  const RawResponse response = get(*port, "/echo?level=info,a%3Ddebug&reset", "Accept: text/x\r\n");
  CHECK(response.status == 200);
  CHECK(response.body == "text/x|level=info,a=debug;reset=;");
  CHECK(response.head.find("Content-Type: text/plain; charset=utf-8") != std::string::npos);
}

TEST_CASE("what is not served is 404, a wrong method 405, and HEAD has no body") {
  HttpServer server;
  const auto port = server.listen_loopback(0, echo_routes());
  REQUIRE(port);
  server.start();
  CHECK(get(*port, "/nothing").status == 404);
  CHECK(get(*port, "/act").status == 405);
  CHECK(post(*port, "/act").body == "{}");
  const RawResponse head = exchange(connect_tcp(IpAddress::loopback_v4(), *port),
                                    "HEAD /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  CHECK(head.status == 200);
  CHECK(head.body.empty());
}

TEST_CASE("loopback means both families, and one thread serves many endpoints") {
  const TemporaryFolder folder;
  HttpServer server;
  const auto loopback = server.listen_loopback(0, echo_routes());
  const auto any = server.listen_any(0, echo_routes());
  REQUIRE(loopback);
  REQUIRE(any);
  REQUIRE(server.listen_unix(folder.file("a.sock"), echo_routes()));
  server.start();
  const std::string request = "GET /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  CHECK(exchange(connect_tcp(IpAddress::loopback_v6(), *loopback), request).status == 200);
  CHECK(exchange(connect_tcp(IpAddress::loopback_v4(), *loopback), request).status == 200);
  CHECK(exchange(connect_tcp(IpAddress::loopback_v6(), *any), request).status == 200);
  CHECK(exchange(connect_tcp(IpAddress::loopback_v4(), *any), request).status == 200);
  CHECK(exchange(connect_unix(folder.file("a.sock")), request).status == 200);
  server.stop();
  CHECK(!std::filesystem::exists(folder.file("a.sock")));
  CHECK(!connect_tcp(IpAddress::loopback_v4(), *any));
}

TEST_CASE("one connection carries several requests") {
  HttpServer server;
  const auto port = server.listen_loopback(0, echo_routes());
  REQUIRE(port);
  server.start();
  const RawResponse both =
      exchange(connect_tcp(IpAddress::loopback_v4(), *port),
               "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n"
               "GET /nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  CHECK(both.status == 200);
  CHECK(both.body.find("404") != std::string::npos);
}

TEST_CASE("a body far larger than its answer is large is sent whole") {
  Routes routes;
  const std::string large(8 << 20, 'x');
  routes.get("/large", [&large](const HttpRequest&) { return text_response(200, large); });
  HttpServer server;
  const auto port = server.listen_loopback(0, routes);
  REQUIRE(port);
  server.start();
  CHECK(get(*port, "/large").body == large);
}

TEST_CASE("endless headers, endless bodies and garbage end that connection alone") {
  HttpServer server;
  const auto port = server.listen_loopback(0, echo_routes());
  REQUIRE(port);
  server.start();
  const auto send = [&](const std::string& text) {
    return exchange(connect_tcp(IpAddress::loopback_v4(), *port), text).status;
  };
  CHECK(send("GET /echo HTTP/1.1\r\nHost: a\r\nX: " + std::string(64 << 10, 'x')) != 200);
  CHECK(send("POST /act HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n" +
             std::string(1 << 20, 'x')) != 200);
  CHECK(send("\x16\x03\x01\x02\r\n\r\n") != 200);
  CHECK(get(*port, "/echo").status == 200);
}

TEST_CASE("a client that says nothing keeps nobody waiting, and stopping does not wait for it") {
  HttpServer server;
  const auto port = server.listen_loopback(0, echo_routes());
  REQUIRE(port);
  server.start();
  const Fd silent = connect_tcp(IpAddress::loopback_v4(), *port);
  CHECK(get(*port, "/echo").status == 200);
  server.stop();
}

TEST_CASE("clients that drip bytes on every place, and come back when cut, keep no probe out") {
  HttpServer server;
  const auto port = server.listen_loopback(0, echo_routes());
  REQUIRE(port);
  server.start();
  const auto connect = [&] { return connect_tcp(IpAddress::loopback_v4(), *port); };
  std::vector<Fd> slow;
  for (unsigned i = 0; i < HttpServer::kConnectionsMax; ++i) {
    slow.push_back(connect());
    CHECK(::send(slow.back().get(), "GET /ec", 7, MSG_NOSIGNAL) == 7);
  }
  std::atomic<bool> ended = false;
  std::thread drip([&] {
    while (!ended) {
      for (auto& one : slow) {
        if (::send(one.get(), "h", 1, MSG_NOSIGNAL | MSG_DONTWAIT) != 1) {
          one = connect();
        }
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  });
  for (int probe = 0; probe < 3; ++probe) {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));  // those that were cut come back
    Fd connection = connect();
    // Without an answer in time the read ends, and with it the test, instead of hanging.
    const timeval limit{.tv_sec = 3, .tv_usec = 0};
    ::setsockopt(connection.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    CHECK(exchange(std::move(connection),
                   "GET /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
              .status == 200);
  }
  ended = true;
  drip.join();
}

TEST_CASE(
    "on a unix socket, whoever is not root is refused even where the file's mode lets him in") {
  if (::geteuid() != 0) {
    MESSAGE("skipped: needs root");
    return;
  }
  const TemporaryFolder folder;
  const std::string path = folder.file("a.sock");
  std::filesystem::permissions(folder.file(""), std::filesystem::perms::all);
  HttpServer server;
  REQUIRE(server.listen_unix(path, echo_routes()));
  server.start();
  std::filesystem::permissions(path, std::filesystem::perms::all);
  const pid_t child = ::fork();
  if (child == 0) {
    const bool dropped = ::setuid(65534) == 0;
    const RawResponse response =
        exchange(connect_unix(path), "GET /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    ::_exit(dropped && response.status == 403 ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK(status == 0);
}

TEST_CASE("the server's thread leaves all signals to the others") {
  Routes routes;
  routes.get("/mask", [](const HttpRequest&) {
    sigset_t mask;
    ::pthread_sigmask(SIG_BLOCK, nullptr, &mask);
    return text_response(200, ::sigismember(&mask, SIGTERM) == 1 ? "blocked" : "open");
  });
  HttpServer server;
  const auto port = server.listen_loopback(0, routes);
  REQUIRE(port);
  server.start();
  CHECK(get(*port, "/mask").body == "blocked");
}

}  // namespace
}  // namespace culvert::admin
