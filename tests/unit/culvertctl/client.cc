// The client with daemons that answer, that answer nonsense, and that are not there.
// SPDX-License-Identifier: Apache-2.0
#include "tools/culvertctl/client.h"

#include <doctest/doctest.h>

#include "tests/unit/culvertctl/fake_daemon.h"

namespace culvert::ctl {
namespace {

struct Got {
  Result<std::string> body;
  std::string socket;
  std::string sentence() const {
    std::string text = body ? *body : to_string(body.error());
    if (const std::size_t at = text.find(socket); at != std::string::npos) {
      text.replace(at, socket.size(), "SOCKET");
    }
    return text;
  }
};

Got got(std::string answer, const GetLimits& limits = {}, std::chrono::milliseconds linger = {}) {
  const FakeDaemon daemon(std::move(answer), linger);
  return {get({"ztunnel", daemon.socket()}, "/status", limits), daemon.socket()};
}

TEST_CASE("a body comes with its length or ends with the stream") {
  CHECK(got("HTTP/1.1 200 OK\r\ncontent-LENGTH: 2\r\n\r\n{}").sentence() == "{}");
  CHECK(got("HTTP/1.0 200 OK\r\n\r\n{}").sentence() == "{}");
}

TEST_CASE("what answers without speaking HTTP is called that") {
  for (const char* garbage : {"", "hello", "HTTP/1.1", "HTTP/1.1 2x0 OK\r\n\r\n",
                              "\x16\x03\x01\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"}) {
    CAPTURE(garbage);
    const Got answer = got(garbage);
    REQUIRE(!answer.body);
    CHECK(answer.body.error().code == Errc::protocol);
    CHECK(answer.sentence() ==
          "what answers for ztunnel (SOCKET) does not speak HTTP: is another program's socket in "
          "that directory? --run-dir chooses another");
  }
}

TEST_CASE("an answer that breaks off is not taken for the whole") {
  CHECK(got("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{}").sentence() ==
        "ztunnel (SOCKET) broke off in the middle of its answer: try again");
}

TEST_CASE("another status is told with the server's own words") {
  CHECK(got("HTTP/1.1 403 Forbidden\r\n\r\nonly root may ask here\n").sentence() ==
        "ztunnel (SOCKET) answers 403 to /status (only root may ask here): it may be of another "
        "version than culvertctl");
}

TEST_CASE("an endless answer is cut off by size, a silent daemon by time") {
  const Got large =
      got("HTTP/1.1 200 OK\r\n\r\n" + std::string(1000, 'x'), {.response_bytes_max = 500});
  REQUIRE(!large.body);
  CHECK(large.body.error().code == Errc::limit);
  const Got silent = got("", {.timeout = std::chrono::milliseconds(50)}, std::chrono::seconds(10));
  REQUIRE(!silent.body);
  CHECK(silent.body.error().code == Errc::timed_out);
  CHECK(silent.sentence() == "ztunnel (SOCKET) does not answer: look at its log");
}

TEST_CASE("a daemon that is not there is a sentence with the next step") {
  const auto missing = get({"agent", "/nonexistent/agent-admin.sock"}, "/status");
  REQUIRE(!missing);
  CHECK(
      to_string(missing.error()) ==
      "can't reach agent (/nonexistent/agent-admin.sock): No such file or directory: is it running "
      "on this node? --run-dir says where its socket is");
  const auto too_long = get({"agent", "/" + std::string(200, 'x')}, "/status");
  REQUIRE(!too_long);
  CHECK(too_long.error().code == Errc::config);
}

TEST_CASE("the request names a host and asks to close") {
  FakeDaemon daemon("HTTP/1.1 200 OK\r\n\r\nx");
  REQUIRE(get({"ztunnel", daemon.socket()}, "/config_dump"));
  CHECK(daemon.request() ==
        "GET /config_dump HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
}

}  // namespace
}  // namespace culvert::ctl
