// Single requests to an API server: what is said, what comes of each answer, and who may try again.
// SPDX-License-Identifier: Apache-2.0
#include <fstream>

#include "agent/kube/decode.h"
#include "tests/protocol/kube_server.h"
#include "tests/unit/agent/scratch_folder.h"

namespace culvert::protocol {
namespace {

using kube::Verb;

// requests plays `body` in a world without a reflector.
void requests(io::Task<> (*body)(World&), const kube::Token& token = {}) {
  io::SimLoop loop;
  const auto done = io::block_on(
      loop, [](io::SimLoop& on, io::Task<> (*run)(World&), kube::Token with) -> io::Task<> {
        World world(on, std::move(with));
        auto result = co_await io::as_result(run(world));
        co_await world.close();
        co_await std::move(result);
      }(loop, body, token));
  CHECK_MESSAGE(done, to_string(done.error()));
}

TEST_CASE("each verb is said as Kubernetes has it") {
  requests([](World& world) -> io::Task<> {
    struct Row {
      Verb verb;
      const char* line;
      const char* content_type;
    };
    const Row rows[] = {
        {Verb::get, "GET /x?a=b", ""},
        {Verb::create, "POST /x?a=b&fieldManager=culvert", "application/json"},
        {Verb::replace, "PUT /x?a=b&fieldManager=culvert", "application/json"},
        {Verb::merge_patch, "PATCH /x?a=b&fieldManager=culvert", "application/merge-patch+json"},
        {Verb::strategic_patch, "PATCH /x?a=b&fieldManager=culvert",
         "application/strategic-merge-patch+json"},
        {Verb::apply, "PATCH /x?a=b&fieldManager=culvert", "application/apply-patch+yaml"},
        {Verb::remove, "DELETE /x?a=b", "application/json"},
    };
    for (const auto& row : rows) {
      world.server.answers = {{.status = 201, .body = R"({"kind":"Pod"})"}};
      kube::Request request{.verb = row.verb, .path = "/x", .query = {{"a", "b"}}};
      const std::string type = row.content_type;
      if (!type.empty()) {
        request.body = {{"n", 1}};
      }
      const auto answer = co_await world.client.call(request);
      CHECK(answer.dump() == R"({"kind":"Pod"})");
      CHECK(world.server.requests.back() == row.line);
      CHECK(world.server.bodies.back() == (type.empty() ? "" : R"({"n":1})"));
      CHECK((world.server.headers.back().find("content-type: " + type) != std::string::npos) ==
            !type.empty());
      CHECK(world.server.headers.back().find("authorization") == std::string::npos);
    }
  });
}

TEST_CASE("a refusal says request, status and the server's words") {
  requests([](World& world) -> io::Task<> {
    for (const int status : {400, 403, 404, 409, 410, 422, 429, 500, 503}) {
      world.server.answers = {refuse(status)};
      const auto answer = co_await io::as_result(
          world.client.call({.verb = Verb::create, .path = "/x", .body = {{"a", 1}}}));
      CHECK(!answer);
      CHECK(kube::http_status(answer.error()) == status);
      CHECK(to_string(answer.error()) == "POST /x: " + std::to_string(status) + " Told: no");
    }
    CHECK(world.server.dials == 1);
  });
}

TEST_CASE("429 and 5xx with Retry-After are tried again when that is over, within the deadline") {
  requests([](World& world) -> io::Task<> {
    world.server.answers = {
        refuse(429, {{"retry-after", "3"}}), refuse(503, {{"retry-after", "0"}}), {.body = "{}"}};
    const auto began = world.loop.now();
    (void)co_await world.client.call({.path = "/x"});
    CHECK(world.loop.now() - began >= 4s);
    CHECK(world.loop.now() - began < 5s);

    world.server.answers = {refuse(429, {{"retry-after", "3600"}})};
    const auto refused = co_await io::as_result(world.client.call({.path = "/x"}));
    CHECK(kube::http_status(refused.error()) == 429);
    CHECK(world.loop.now() - began < 6s);

    for (const char* const text : {"", "soon", "-1", "99999999999999999999"}) {
      world.server.answers = {refuse(503, {{"retry-after", text}})};
      const auto at_once = co_await io::as_result(world.client.call({.path = "/x"}));
      CHECK(kube::http_status(at_once.error()) == 503);
    }
    world.server.otherwise = refuse(429, {{"retry-after", "1"}});
    const auto never = co_await io::as_result(world.client.call({.path = "/x", .deadline = 10s}));
    CHECK(kube::http_status(never.error()) == 429);
    CHECK(world.loop.now() - began < 20s);
  });
}

TEST_CASE("a token that expired is read anew and the request said once more") {
  static const ScratchFolder folder;
  const auto path = std::string(folder / "token");
  std::ofstream(path) << "one";
  requests(
      [](World& world) -> io::Task<> {
        const auto was = [&](const char* token) {
          return world.server.headers.back().find("authorization: Bearer " + std::string(token) +
                                                  "\n") != std::string::npos;
        };
        world.server.answers = {{.body = "{}"}};
        (void)co_await world.client.call({.path = "/x"});
        CHECK(was("one"));
        std::ofstream(folder / "token") << "two";
        world.server.answers = {refuse(401), {.body = "{}"}};
        (void)co_await world.client.call({.path = "/x"});
        CHECK(world.server.requests.size() == 3);
        CHECK(was("two"));

        world.server.otherwise = refuse(401);
        const auto denied = co_await io::as_result(world.client.call({.path = "/x"}));
        CHECK(denied.error().code == Errc::denied);
        CHECK(world.server.requests.size() == 5);  // once more, and no third time
      },
      kube::Token::of_file(path));
}

TEST_CASE("an answer that is none is told as such, and the connection lives") {
  requests([](World& world) -> io::Task<> {
    struct Row {
      Answer answer;
      Errc code;
    };
    const Row rows[] = {
        {{.body = "<html>"}, Errc::protocol},
        {{.body = R"({"a":)"}, Errc::closed},
        {{.body = R"({"a":1}})"}, Errc::protocol},
        {{.body = "{}{}"}, Errc::protocol},
        {{.body = "{\"a\":\"" + std::string(kube::kObjectBytesMax, 'x') + "\"}"}, Errc::limit},
        {{.body = "{\"a\":\"\xff\"}"}, Errc::protocol},
        {{.body = "{", .end = Answer::End::reset}, Errc::closed},
        {{.body = "{", .end = Answer::End::hang}, Errc::timed_out},
        {{.silent = true}, Errc::timed_out},
    };
    for (const auto& row : rows) {
      world.server.answers = {row.answer};
      const auto answer = co_await io::as_result(world.client.call({.path = "/x"}));
      CHECK(!answer);
      CHECK(answer.error().code == row.code);
      CHECK(to_string(answer.error()).starts_with("GET /x: "));
    }
    world.server.answers = {{.body = ""}};
    const auto nothing = co_await world.client.call({.verb = Verb::remove, .path = "/x"});
    CHECK(nothing.is_null());
    CHECK(world.server.dials == 1);
  });
}

TEST_CASE("a request that a server refuses before it reads it all still learns why") {
  requests([](World& world) -> io::Task<> {
    world.server.answers = {refuse(413)};
    const auto answer = co_await io::as_result(world.client.call(
        {.verb = Verb::create, .path = "/x", .body = {{"a", std::string(1'000'000, 'x')}}}));
    CHECK(kube::http_status(answer.error()) == 413);
  });
}

TEST_CASE("a server that can't be reached is told with its cause, soon") {
  requests([](World& world) -> io::Task<> {
    world.server.reachable = false;
    const auto began = world.loop.now();
    const auto answer = co_await io::as_result(world.client.call({.path = "/x"}));
    CHECK(answer.error().code == Errc::unavailable);
    CHECK(kube::http_status(answer.error()) == 0);
    CHECK(to_string(answer.error()).find("connect: refused") != std::string::npos);
    CHECK(world.loop.now() - began < 2s);
  });
}

}  // namespace
}  // namespace culvert::protocol
