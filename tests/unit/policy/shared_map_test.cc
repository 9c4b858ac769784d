// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/policy/shared_map.h"

#include <doctest/doctest.h>

#include <string>

namespace culvert::policy {
namespace {

using Map = SharedMap<std::string, int, TextHash>;

TEST_CASE("a shared copy never changes") {
  Map map;
  map.put("a", 1);
  const Map before = map.share();
  map.put("a", 2);
  map.put("b", 3);
  CHECK(*before.find(std::string_view("a")) == 1);
  CHECK(before.find(std::string_view("b")) == nullptr);
  CHECK(*map.find(std::string_view("a")) == 2);
  const Map between = map.share();
  map.erase("a");
  CHECK(map.find(std::string_view("a")) == nullptr);
  CHECK(*between.find(std::string_view("a")) == 2);
  CHECK(map.size() == 1);
  CHECK(between.size() == 2);
}

TEST_CASE("entries that did not change are the same objects in every copy") {
  Map map;
  for (int i = 0; i < 5000; ++i) {
    map.put(std::to_string(i), i);
  }
  const Map before = map.share();
  map.put("0", -1);
  int moved = 0;
  for (int i = 0; i < 5000; ++i) {
    const auto key = std::to_string(i);
    moved += map.find(key) != before.find(key) ? 1 : 0;
  }
  CHECK(moved >= 1);
  CHECK(moved < 30);  // one shard of 1024, some five entries
}

TEST_CASE("every entry is visited once") {
  Map map;
  for (int i = 0; i < 100; ++i) {
    map.put(std::to_string(i), i);
  }
  map.erase("5");
  map.erase("no such key");
  int sum = 0;
  map.for_each([&](const std::string&, int value) { sum += value; });
  CHECK(sum == 4950 - 5);
  CHECK(map.size() == 99);
}

}  // namespace
}  // namespace culvert::policy
