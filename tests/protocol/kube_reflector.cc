// An API server that misbehaves, before a reflector: its consumer ends up knowing what is there,
// loses nothing, and the server is not asked in a loop.
// SPDX-License-Identifier: Apache-2.0
#include "tests/protocol/kube_server.h"

namespace culvert::protocol {
namespace {

using kube::Presence;

constexpr const char* kList = "GET /api/v1/pods?limit=500";

bool is_watch_from(const std::string& request, int version) {
  return request.starts_with(
      "GET /api/v1/pods?watch=true&allowWatchBookmarks=true&resourceVersion=" +
      std::to_string(version) + "&timeoutSeconds=");
}

bool has_error(const World& world, const std::string& words) {
  return world.reflector.status().error.find(words) != std::string::npos;
}

TEST_CASE("a list of several pages and its watch tell everything once") {
  play([](World& world) -> io::Task<> {
    world.server.answers = {
        list(5, {"a", "b"}, "t/1"), list(5, {"c"}),
        watch(event("MODIFIED", "b", 6) + event("DELETED", "a", 7) + event("ADDED", "d", 8))};
    co_await world.until_known("b c d");
    CHECK(world.view.told == "[a b c ] b! a- d! ");
    CHECK(world.server.requests.size() == 3);
    CHECK(world.server.requests[0] == kList);
    CHECK(world.server.requests[1] == std::string(kList) + "&continue=t%2F1");
    CHECK(is_watch_from(world.server.requests[2], 5));
    CHECK(world.reflector.status() ==
          kube::ReflectorStatus{.presence = Presence::present, .fresh = true, .error = {}});
    CHECK(world.server.dials == 1);
  });
}

TEST_CASE("a watch that ends in order goes on where it was, at once and without a word") {
  play([](World& world) -> io::Task<> {
    world.server.answers = {list(5, {"a"}), watch(event("ADDED", "b", 6), Answer::End::end),
                            watch(event("ADDED", "c", 7))};
    const auto began = world.loop.now();
    co_await world.until_known("a b c");
    CHECK(world.loop.now() - began < 1s);
    CHECK(is_watch_from(world.server.requests.at(2), 6));
    CHECK(world.view.told == "[a ] b! c! ");
    CHECK(world.view.statuses == 2);  // listed, watching
  });
}

TEST_CASE("bookmarks move a watch on and tell the consumer nothing") {
  play([](World& world) -> io::Task<> {
    world.server.answers = {
        list(5, {"a"}),
        watch(R"({"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"90"}}})",
              Answer::End::end),
        watch("")};
    co_await world.until([&] { return world.server.requests.size() == 3; });
    CHECK(is_watch_from(world.server.requests.at(2), 90));
    CHECK(world.view.told == "[a ] ");
  });
}

TEST_CASE("410 to a watch, as status or as event, brings a new list at once") {
  play([](World& world) -> io::Task<> {
    world.server.answers = {list(5, {"a", "b"}), refuse(410),
                            list(9, {"b", "c"}), watch(event("ADDED", "d", 10) + status_event(410)),
                            list(20, {"e"}),     watch("")};
    const auto began = world.loop.now();
    co_await world.until_known("e");
    CHECK(world.loop.now() - began < 1s);
    CHECK(world.view.told == "[a b ] [b c ] d! [e ] ");
  });
}

TEST_CASE("a server that says 410 to every watch is not listed in a loop") {
  play([](World& world) -> io::Task<> {
    for (int i = 0; i < 1000; ++i) {
      world.server.answers.push_back(list(5 + i, {"a"}));
      world.server.answers.push_back(i % 2 == 0 ? refuse(410) : watch(status_event(410)));
    }
    co_await world.loop.sleep(10min);
    CHECK(world.server.requests.size() < 2 * (600 / 5 + 8));
    CHECK(world.view.names() == "a");
    CHECK(has_error(world, "410"));
  });
}

TEST_CASE("pages that expire are asked for anew in one, and what was known stays meanwhile") {
  play([](World& world) -> io::Task<> {
    world.server.answers = {list(5, {"a"}), watch(status_event(410)), list(9, {"b"}, "next"),
                            refuse(410),    list(9, {"b", "c"}),      watch("")};
    co_await world.until_known("b c");
    CHECK(world.view.told == "[a ] [b [b c ] ");
    CHECK(world.server.requests.at(4) == "GET /api/v1/pods");
    world.server.cut();
    world.server.answers = {watch(status_event(410)), list(9, {"d"}), watch("")};
    co_await world.until_known("d");
    CHECK(world.server.requests.at(7) == kList);
  });
}

TEST_CASE("a watch that breaks in any way goes on behind the last event that was whole") {
  const Answer rows[] = {
      watch(R"({"type":"ADDED","object":{"metadata":{"na)", Answer::End::end),
      watch(R"({"type":"ADDED","object":{"metadata":{"na)", Answer::End::reset),
      watch("<html>no</html>", Answer::End::hang),
      watch("\x1f\x8b\x08 zipped", Answer::End::hang),
      watch(R"({"type":"ADDED"})", Answer::End::hang),
      watch(R"({"type":"PAINTED","object":{"metadata":{"resourceVersion":"99"}}})"),
      watch(R"({"type":"ADDED","object":{"metadata":{"name":"x"}}})"),
      watch(R"({"type":"ADDED","object":{"metadata":{"name":"x","resourceVersion":7}}})"),
      watch("{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"\xff\"}}}"),
      watch("{\"type\":\"" + std::string(kube::kObjectBytesMax, 'x')),
      watch(std::string(1000, '{')),
      watch(status_event(500)),
      watch(status_event(-1)),
      refuse(500),
      {.status = 502, .body = "<html>Bad Gateway</html>"},
      {.status = 302},
      {.status = 200, .end = Answer::End::reset},
  };
  for (const auto& row : rows) {
    CAPTURE(row.body.substr(0, 60));
    static Answer broken;
    broken = row;
    play([](World& world) -> io::Task<> {
      world.server.answers = {list(5, {"a"}), watch(event("ADDED", "b", 6), Answer::End::end),
                              broken, watch(event("ADDED", "c", 7))};
      co_await world.until([&] { return !world.reflector.status().error.empty(); });
      CHECK(!world.reflector.status().fresh);
      CHECK(world.reflector.status().synced());
      CHECK(world.view.names() == "a b");
      co_await world.until_known("a b c");
      CHECK(world.view.told == "[a ] b! c! ");
      CHECK(is_watch_from(world.server.requests.at(3), 6));
      CHECK(world.reflector.status().error.empty());
    });
  }
}

TEST_CASE("a list that breaks in any way leaves what was known, and is asked for anew") {
  const Answer rows[] = {
      {.body = R"({"metadata":{"resourceVersion":"9"},"items":[{"metadata":{"name":"x")"},
      {.body = R"({"metadata":{"resourceVersion":"9"},"items":[)", .end = Answer::End::hang},
      {.body = R"({"metadata":{"resourceVersion":"9"},"items":[5]})"},
      {.body = R"({"metadata":{},"items":[]})"},
      {.body = "<html>"},
      {.body = ""},
      {.body = "{\"items\":[{\"a\":\"" + std::string(kube::kObjectBytesMax, 'x')},
      {.body = "{\"a\":\"" + std::string(kube::kEnvelopeBytesMax, 'x')},
      {.body = "{\"items\":[" + std::string(1000, '{')},
      {.silent = true},
      {.body = "", .end = Answer::End::reset},
      refuse(403),
      refuse(500),
      refuse(429),
  };
  for (const auto& row : rows) {
    CAPTURE(row.body.substr(0, 60));
    static Answer broken;
    broken = row;
    play([](World& world) -> io::Task<> {
      world.server.answers = {list(5, {"a"}), watch(status_event(410)), broken, list(9, {"b"}),
                              watch("")};
      co_await world.until([&] { return world.server.requests.size() == 3; });
      co_await world.until(
          [&] { return !has_error(world, "410") && !world.reflector.status().error.empty(); });
      CHECK(world.view.names() == "a");
      co_await world.until_known("b");
      CHECK(world.reflector.status().error.empty());
    });
  }
}

TEST_CASE(
    "a server that fails for hours is asked every ten seconds at most, and is then well soon") {
  play([](World& world) -> io::Task<> {
    world.server.otherwise = refuse(503);
    co_await world.loop.sleep(3h);
    CHECK(world.server.requests.size() > 3 * 3600 / 10);
    CHECK(world.server.requests.size() < 3 * 3600 / 5 + 10);
    CHECK(has_error(world, "GET /api/v1/pods: 503 Told: no"));
    CHECK(!world.reflector.status().synced());
    CHECK(world.server.dials == 1);
    world.server.answers = {list(5, {"a"}), watch("")};
    const auto began = world.loop.now();
    co_await world.until_known("a");
    CHECK(world.loop.now() - began <= 11s);
  });
}

TEST_CASE("a server that is gone for hours is knocked at by all reflectors of a client together") {
  play([](World& world) -> io::Task<> {
    world.server.answers = {list(5, {"a"}), watch("")};
    co_await world.until_known("a");
    View other_view;
    kube::Reflector other(world.loop, world.rng, world.client,
                          {.resource = {.api_version = "v1", .kind = "Pod", .plural = "pods"}},
                          other_view.consumer());
    io::Scope scope(world.loop);
    scope.spawn(other.run());
    world.server.reachable = false;
    world.server.cut();
    co_await world.loop.sleep(3h);
    CHECK(world.server.dials > 3 * 3600 / 10);
    CHECK(world.server.dials < 3 * 3600 / 5 + 10);
    CHECK(has_error(world, "connect: refused"));
    CHECK(world.view.names() == "a");
    world.server.reachable = true;
    world.server.answers = {watch(event("ADDED", "b", 6)), watch(event("ADDED", "b", 6))};
    const auto began = world.loop.now();
    co_await world.until_known("a b");
    CHECK(world.loop.now() - began <= 11s);
    scope.cancel();
    (void)co_await io::as_result(scope.join());
  });
}

TEST_CASE("a dead server is noticed within 30 s, and the watch goes on at its successor") {
  play([](World& world) -> io::Task<> {
    world.server.answers = {list(5, {"a"}), watch("")};
    co_await world.until([&] { return world.reflector.status().fresh; });
    world.server.answers = {watch(event("ADDED", "b", 6))};
    world.server.freeze();
    const auto began = world.loop.now();
    co_await world.until_known("a b");
    CHECK(world.loop.now() - began <= 32s);
    CHECK(world.server.dials == 2);
    CHECK(world.view.told == "[a ] b! ");
  });
}

TEST_CASE("a server that takes connections and says nothing is left again and again, slowly") {
  play([](World& world) -> io::Task<> {
    world.server.mute = true;
    co_await world.loop.sleep(1h);
    CHECK(world.server.dials > 60);
    CHECK(world.server.dials < 600);
    CHECK(has_error(world, "SETTINGS"));
  });
}

TEST_CASE("a server that answers PINGs and no request is given up after 30 s each time") {
  play([](World& world) -> io::Task<> {
    world.server.otherwise = {.silent = true};
    co_await world.loop.sleep(1h);
    CHECK(world.server.requests.size() > 60);
    CHECK(world.server.requests.size() < 130);
    CHECK(has_error(world, "GET /api/v1/pods: timed out after 30000 ms"));
  });
}

TEST_CASE("a server that forgets when a watch should end is left soon after") {
  play([](World& world) -> io::Task<> {
    world.server.answers = {list(5, {"a"}), watch(""), watch(event("ADDED", "b", 6))};
    co_await world.until([&] { return world.reflector.status().fresh; });
    co_await world.loop.sleep(kube::kWatchMost + kube::kWatchOverdue + 1s);
    CHECK(world.view.names() == "a b");
    CHECK(world.server.requests.size() == 3);
  });
}

TEST_CASE("a server that ends watches after their first event is not asked in a loop") {
  for (const auto& ending : {std::string(), status_event(410)}) {
    CAPTURE(ending);
    static Answer short_watch;
    short_watch = watch(event("MODIFIED", "a", 6) + ending, Answer::End::end);
    play([](World& world) -> io::Task<> {
      for (int i = 0; i < 1000; ++i) {
        if (i == 0 || short_watch.body.contains("410")) {
          world.server.answers.push_back(list(5, {"a"}));
        }
        world.server.answers.push_back(short_watch);
      }
      co_await world.loop.sleep(10min);
      CHECK(world.server.requests.size() > 600 / 10);
      CHECK(world.server.requests.size() < 2 * (600 / 5 + 8));
    });
  }
}

TEST_CASE("a server that ends watches as they begin is not asked in a loop") {
  play([](World& world) -> io::Task<> {
    world.server.answers = {list(5, {"a"})};
    world.server.otherwise = watch("", Answer::End::end);
    co_await world.loop.sleep(10min);
    CHECK(world.server.requests.size() < 600 / 5 + 12);
    CHECK(has_error(world, "ended a watch as it began"));
  });
}

TEST_CASE("GOAWAY in mid-watch moves what is new to another connection and ends no watch") {
  play([](World& world) -> io::Task<> {
    world.server.answers = {list(5, {"a"}), watch(event("ADDED", "b", 6))};
    co_await world.until_known("a b");
    world.server.goaway();
    co_await world.loop.sleep(1min);
    CHECK(world.reflector.status().fresh);
    world.server.answers = {{.body = R"({"kind":"Pod"})"}};
    (void)co_await world.client.call({.path = "/api/v1/namespaces/n/pods/a"});
    CHECK(world.server.dials == 2);
    CHECK(world.server.requests.size() == 3);
    CHECK(world.reflector.status().fresh);
    CHECK(world.view.told == "[a ] b! ");
  });
}

TEST_CASE("a resource that the server does not know is absent, and found when it is there") {
  play([](World& world) -> io::Task<> {
    world.server.otherwise = refuse(404);
    co_await world.loop.sleep(1h);
    CHECK(world.reflector.status() == kube::ReflectorStatus{.presence = Presence::absent});
    CHECK(world.reflector.status().synced());
    CHECK(world.view.told == "[] ");
    CHECK(world.view.statuses == 1);
    CHECK(world.server.requests.size() > 100);
    CHECK(world.server.requests.size() < 250);
    world.server.answers = {list(5, {"a"}), watch("")};
    co_await world.until_known("a");
    CHECK(world.reflector.status().presence == Presence::present);
  });
}

TEST_CASE("a resource that was there is gone only when the server says so twice") {
  play([](World& world) -> io::Task<> {
    world.server.answers = {list(5, {"a"}), watch(""), refuse(404), list(6, {"a", "b"}), watch("")};
    co_await world.until([&] { return world.reflector.status().fresh; });
    world.server.cut();
    co_await world.until([&] { return has_error(world, "404"); });
    CHECK(world.view.names() == "a");
    co_await world.until_known("a b");
    world.server.answers = {refuse(404), refuse(404), refuse(404)};
    world.server.otherwise = refuse(404);
    world.server.cut();
    co_await world.until_known("");
    CHECK(world.reflector.status().presence == Presence::absent);
    CHECK(world.view.told == "[a ] [a b ] [] ");
  });
}

// Everything that a day brings, as short as it can be: for cancellation at each of its suspensions.
io::Task<> a_day(World& world) {
  world.server.answers = {list(5, {"a"}, "next"),
                          list(5, {"b"}),
                          watch(event("ADDED", "c", 6), Answer::End::end),
                          watch("garbage"),
                          refuse(429, {{"retry-after", "1"}}),
                          watch(status_event(410)),
                          list(9, {"c"}, "next"),
                          refuse(410),
                          list(9, {"c", "d"}),
                          watch("")};
  co_await world.until(
      [&] { return world.view.names() == "c d" && world.reflector.status().fresh; });
  world.server.goaway();
  world.server.answers = {{.body = "{}"}, watch(event("ADDED", "e", 10))};
  (void)co_await world.client.call(
      {.verb = kube::Verb::merge_patch, .path = "/x", .body = {{"a", 1}}});
  world.server.cut();
  co_await world.until_known("c d e");
}

TEST_CASE("a reflector and a request end cleanly wherever they are cancelled") {
  for (const auto& problem : sim::cancel_everywhere(scenario(a_day)).problems) {
    FAIL_CHECK(problem);
  }
}

}  // namespace
}  // namespace culvert::protocol
