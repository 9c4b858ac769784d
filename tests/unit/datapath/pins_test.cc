// SPDX-License-Identifier: Apache-2.0
#include "agent/datapath/pins.h"

#include <stdlib.h>

#include <doctest/doctest.h>
#include <algorithm>
#include <filesystem>

using namespace culvert;

TEST_CASE("only directories of pins are taken for ours") {
  char name[] = "/tmp/culvert-pins-XXXXXX";
  REQUIRE(::mkdtemp(name) != nullptr);
  const std::string base = name;
  for (const char* entry : {"v1", "v12", "v3-building", "v", "vx", "v1x", "other", "maps.debug"}) {
    std::filesystem::create_directory(base + "/" + entry);
  }
  auto roots = datapath::all_roots(base).value();
  std::ranges::sort(roots);
  CHECK(roots == std::vector<std::string>{base + "/v1", base + "/v12", base + "/v3-building"});
  std::filesystem::remove_all(base);
}

TEST_CASE("a pin directory that is not there holds nothing and is removed with success") {
  CHECK(datapath::all_roots("/tmp/no/such/pins").value().empty());
  CHECK(datapath::check_pin_version("/tmp/no/such/pins"));
  CHECK(datapath::remove_pins("/tmp/no/such/pins/v1"));
}

TEST_CASE("a steer pin is named by the netns cookie in hex, and read back") {
  CHECK(datapath::steer_pin("/p/v1", 0xabc1) == "/p/v1/steer/abc1");
}
