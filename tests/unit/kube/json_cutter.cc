// SPDX-License-Identifier: Apache-2.0
#include "agent/kube/json_cutter.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <optional>
#include <vector>

namespace culvert::kube {
namespace {

struct Cut {
  std::vector<std::string> objects;
  std::string envelope;
  bool whole = false;
  std::optional<Errc> failure;

  bool operator==(const Cut&) const = default;
};

// Cuts `text` in pieces of `size`.
Cut cut(JsonCutter::Shape shape, std::string_view text, std::size_t size) {
  Cut seen;
  JsonCutter cutter(shape, [&seen](std::string_view object) -> Result<> {
    seen.objects.emplace_back(object);
    return {};
  });
  while (!text.empty() && !seen.failure) {
    if (auto fed = cutter.feed(text.substr(0, size)); !fed) {
      seen.failure = fed.error().code;
    }
    text.remove_prefix(std::min(size, text.size()));
  }
  seen.whole = cutter.at_boundary() && !seen.failure;
  if (shape == JsonCutter::Shape::list) {
    seen.envelope = cutter.envelope();
  }
  return seen;
}

// The same for pieces of all sizes, or the test fails.
Cut cut(JsonCutter::Shape shape, std::string_view text) {
  const Cut at_once = cut(shape, text, text.size() + 1);
  for (const std::size_t size : {1, 2, 3, 7, 16}) {
    CAPTURE(size);
    CHECK(cut(shape, text, size) == at_once);
  }
  return at_once;
}

constexpr auto kList = JsonCutter::Shape::list;
constexpr auto kStream = JsonCutter::Shape::stream;

TEST_CASE("a list gives its items one by one, and itself without them") {
  const auto seen = cut(kList, R"({"kind":"PodList","metadata":{"continue":"x"},"items":[{"a":1},)"
                               R"( {"b":[{"c":{}}]} , {}],"z":[{}]} )");
  CHECK(seen.objects == std::vector<std::string>{R"({"a":1})", R"({"b":[{"c":{}}]})", "{}"});
  CHECK(seen.envelope ==
        R"({"kind":"PodList","metadata":{"continue":"x"},"items":[0, 0 , 0],"z":[{}]} )");
  CHECK(seen.whole);
}

TEST_CASE("brackets, quotes and the word items within strings mean nothing") {
  const auto seen = cut(kList, R"({"a":"\"items\":[{\\","x\"items":[{}],"m":{"items":[{}]},)"
                               R"("items" : [{"s":"}]\"{\\"}]})");
  CHECK(seen.objects == std::vector<std::string>{R"({"s":"}]\"{\\"})"});
  CHECK(seen.whole);
}

TEST_CASE("a list without items has none") {
  for (const char* const text : {R"({"items":null})", R"({"items":[]})", "{}"}) {
    const auto seen = cut(kList, text);
    CHECK(seen.objects.empty());
    CHECK(seen.envelope == text);
    CHECK(seen.whole);
  }
}

TEST_CASE("a stream gives its objects, one a line or pressed together") {
  const auto seen = cut(kStream, "{\"a\":{}}\n\n {\"b\":\"}\"}{}\r\n");
  CHECK(seen.objects == std::vector<std::string>{R"({"a":{}})", R"({"b":"}"})", "{}"});
  CHECK(seen.whole);
}

TEST_CASE("what is cut off is not whole, and what began is not given") {
  CHECK(!cut(kStream, R"({"a":1}{"b":)").whole);
  CHECK(cut(kStream, R"({"a":1}{"b":)").objects.size() == 1);
  CHECK(!cut(kList, R"({"items":[{"a":1},{"b":")").whole);
  CHECK(!cut(kList, R"({"items":[{"a":1}])").whole);
}

TEST_CASE("text that is no object is refused where one should begin") {
  for (const char* const text :
       {"x", "null", "5", "\"a\"", "[{}]", "}", "]", "<html>", "{},{}", "{}}", "\x1f\x8b"}) {
    CAPTURE(text);
    CHECK(cut(kStream, text).failure == Errc::protocol);
  }
  CHECK(cut(kList, "Service Unavailable").failure == Errc::protocol);
  CHECK(cut(kList, "[]").failure == Errc::protocol);
}

TEST_CASE("an object, a list's frame and its depth have limits") {
  const std::string long_text(kObjectBytesMax, 'x');
  CHECK(cut(kStream, "{\"a\":\"" + long_text + "\"}", 100'000).failure == Errc::limit);
  CHECK(cut(kList, "{\"items\":[{\"a\":\"" + long_text + "\"}]}", 100'000).failure == Errc::limit);
  CHECK(cut(kList, "{\"a\":\"" + long_text.substr(0, kEnvelopeBytesMax), 100'000).failure ==
        Errc::limit);
  const auto nested = [](std::size_t depth) {
    std::string text;
    for (std::size_t i = 0; i < depth; ++i) {
      text += "{\"a\":";
    }
    return text + "1" + std::string(depth, '}');
  };
  CHECK(cut(kStream, nested(kDepthMax)).whole);
  CHECK(cut(kStream, nested(kDepthMax + 1)).failure == Errc::limit);
}

TEST_CASE("a list that never ends is given up at its limit") {
  JsonCutter cutter(kList, [](std::string_view) -> Result<> { return {}; });
  REQUIRE(cutter.feed(R"({"items":[)"));
  const std::string items = "{\"a\":\"" + std::string(1'000'000, 'x') + "\"},";
  std::size_t fed = 0;
  Result<> result;
  while (result && fed < 2 * kPageBytesMax) {
    result = cutter.feed(items);
    fed += items.size();
  }
  REQUIRE(!result);
  CHECK(result.error().code == Errc::limit);
  CHECK(fed <= kPageBytesMax + items.size());
}

TEST_CASE("a failure of who gets the objects ends the cutting") {
  int given = 0;
  JsonCutter cutter(kStream, [&given](std::string_view) -> Result<> {
    ++given;
    return fail(Errc::protocol, "no");
  });
  CHECK(!cutter.feed("{}{}"));
  CHECK(given == 1);
}

}  // namespace
}  // namespace culvert::kube
