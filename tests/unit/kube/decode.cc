// SPDX-License-Identifier: Apache-2.0
#include "agent/kube/decode.h"

#include <doctest/doctest.h>

namespace culvert::kube {
namespace {

TEST_CASE("managedFields are left out of an object's metadata, and of nothing else") {
  const auto object = parse_object(
      R"({"metadata":{"name":"a","managedFields":[{"f":{"g":1}}],"labels":{"managedFields":"x"}},)"
      R"("managedFields":1,"spec":{"managedFields":2}})");
  REQUIRE(object);
  CHECK(object->dump() == R"({"managedFields":1,"metadata":{"labels":{"managedFields":"x"},)"
                          R"("name":"a"},"spec":{"managedFields":2}})");
}

TEST_CASE("events say what happened to which object") {
  const std::string object =
      R"("object":{"kind":"Pod","metadata":{"managedFields":[1],"name":"a","resourceVersion":"7"}})";
  struct Row {
    const char* type;
    WatchEvent::Type is;
  };
  for (const Row& row : std::initializer_list<Row>{{"ADDED", WatchEvent::Type::changed},
                                                   {"MODIFIED", WatchEvent::Type::changed},
                                                   {"DELETED", WatchEvent::Type::deleted},
                                                   {"BOOKMARK", WatchEvent::Type::bookmark}}) {
    CAPTURE(row.type);
    const auto event = parse_event(R"({"type":")" + std::string(row.type) + "\"," + object + "}");
    REQUIRE(event);
    CHECK(event->type == row.is);
    CHECK(event->resource_version == "7");
    CHECK(event->object["metadata"].dump() == R"({"name":"a","resourceVersion":"7"})");
  }
}

TEST_CASE("an event that is none is a protocol error") {
  for (const char* const text :
       {"", "{", "{}", "[]", "5", R"({"type":"ADDED"})", R"({"type":"ADDED","object":5})",
        R"({"type":5,"object":{"metadata":{"resourceVersion":"1"}}})",
        R"({"type":"PAINTED","object":{"metadata":{"resourceVersion":"1"}}})",
        R"({"type":"ADDED","object":{"metadata":{}}})", R"({"type":"ADDED","object":{}})",
        R"({"type":"ADDED","object":{"metadata":{"resourceVersion":1}}})",
        "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"resourceVersion\":\"\xff\"}}}"}) {
    CAPTURE(text);
    const auto event = parse_event(text);
    REQUIRE(!event);
    CHECK(event.error().code == Errc::protocol);
    CHECK(http_status(event.error()) == 0);
  }
}

TEST_CASE("an ERROR event is a refusal with the status that it names") {
  const auto expired = parse_event(
      R"({"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"old"}})");
  REQUIRE(!expired);
  CHECK(http_status(expired.error()) == 410);
  CHECK(to_string(expired.error()) == "410 Expired: old");
  const auto dumb = parse_event(R"({"type":"ERROR","object":{"code":"x"}})");
  REQUIRE(!dumb);
  CHECK(http_status(dumb.error()) == 500);
}

TEST_CASE("a refusal is one sentence of status, reason and message") {
  const auto conflict = refusal(
      409, R"({"kind":"Status","reason":"AlreadyExists","message":"pods \"a\" already exists"})");
  CHECK(to_string(conflict) == "409 AlreadyExists: pods \"a\" already exists");
  CHECK(http_status(conflict) == 409);
  CHECK(to_string(refusal(401, "Unauthorized\n")) == "401: Unauthorized");
  CHECK(to_string(refusal(502, "")) == "502");
  CHECK(to_string(refusal(503, std::string(100'000, 'x'))).size() < 2 * kWordsBytesMax);
  CHECK(to_string(refusal(500, "[1]")) == "500: [1]");
}

TEST_CASE("statuses are errors that callers can act on") {
  struct Row {
    int status;
    Errc code;
  };
  for (const Row& row : std::initializer_list<Row>{{400, Errc::config},
                                                   {401, Errc::denied},
                                                   {403, Errc::denied},
                                                   {404, Errc::not_found},
                                                   {409, Errc::config},
                                                   {410, Errc::not_found},
                                                   {422, Errc::config},
                                                   {429, Errc::unavailable},
                                                   {500, Errc::unavailable},
                                                   {503, Errc::unavailable},
                                                   {302, Errc::config}}) {
    CAPTURE(row.status);
    const auto error = refusal(row.status, "");
    CHECK(error.code == row.code);
    CHECK(http_status(error) == row.status);
  }
  CHECK(http_status(from_errno(ECONNREFUSED, "connect")) == 0);
}

Result<ListFrame> frame_of(std::string_view text) {
  JsonCutter cutter(JsonCutter::Shape::list, [](std::string_view) -> Result<> { return {}; });
  REQUIRE(cutter.feed(text));
  return read_frame(cutter);
}

TEST_CASE("a list's frame says where it stands and whether there is more") {
  auto frame =
      frame_of(R"({"items":[{},{}],"metadata":{"resourceVersion":"12","continue":"next"}})");
  REQUIRE(frame);
  CHECK(frame->resource_version == "12");
  CHECK(frame->next_page == "next");
  frame = frame_of(R"({"metadata":{"resourceVersion":"12"},"items":null})");
  REQUIRE(frame);
  CHECK(frame->next_page.empty());
}

TEST_CASE("a list that is none, or is cut off, is a protocol error") {
  for (const char* const text :
       {"", "{}", R"({"items":[]})", R"({"metadata":{"resourceVersion":"1"},"items":[5]})",
        R"({"metadata":{"resourceVersion":"1"},"items":[0,{}]})",
        R"({"metadata":{"resourceVersion":"1"},"items":[{}{}]})",
        R"({"metadata":{"resourceVersion":"1"},"items":[{},]})",
        R"({"metadata":{"resourceVersion":"1"},"items":{"a":1}})",
        R"({"metadata":{"resourceVersion":"1"},"items":{}})",
        R"({"metadata":{"resourceVersion":1},"items":[]})",
        R"({"metadata":{"resourceVersion":"1"},"items":[{}])",
        R"({"metadata":{"resourceVersion":"1"},"items":[{},)",
        R"({"metadata":{"resourceVersion":"1"},"items":[{}]}})"}) {
    CAPTURE(text);
    JsonCutter cutter(JsonCutter::Shape::list, [](std::string_view) -> Result<> { return {}; });
    const auto fed = cutter.feed(text);
    if (fed) {
      const auto frame = read_frame(cutter);
      REQUIRE(!frame);
      CHECK(frame.error().code == Errc::protocol);
    } else {
      CHECK(fed.error().code == Errc::protocol);
    }
  }
}

}  // namespace
}  // namespace culvert::kube
