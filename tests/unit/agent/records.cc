// SPDX-License-Identifier: Apache-2.0
#include "agent/enrol/records.h"

#include <doctest/doctest.h>

#include <fstream>

#include "tests/unit/agent/scratch_folder.h"

namespace culvert::enrol {

namespace {

std::vector<Record> two_records() {
  return {{.netns_cookie = 7, .pod = {"u1", "shop", "cart", "cart-sa", "cluster.local", {}}},
          {.netns_cookie = 1ULL << 63, .pod = {"u2", "shop", "till", "till-sa", "other.org", {}}}};
}

}  // namespace

TEST_CASE("records are read as they were written") {
  const ScratchFolder folder;
  const std::string path = folder / "enrolled.json";
  CHECK(read_records(path)->empty());
  REQUIRE(write_records(path, two_records()));
  CHECK(*read_records(path) == two_records());
  CHECK((std::filesystem::status(path).permissions() & std::filesystem::perms::others_read) ==
        std::filesystem::perms::none);
}

TEST_CASE("records of an earlier boot count for nothing: cookies start afresh") {
  const ScratchFolder folder;
  const std::string path = folder / "enrolled.json";
  std::ofstream(path) << R"({"boot_id":"another","pods":[{"netns_cookie":7,"uid":"u1"}]})";
  CHECK(read_records(path)->empty());
}

TEST_CASE("a broken file of records is an error that says what to do") {
  const ScratchFolder folder;
  const std::string path = folder / "enrolled.json";
  std::ofstream(path) << "{";
  const auto records = read_records(path);
  REQUIRE(!records);
  CHECK(to_string(records.error()).find("remove it") != std::string::npos);
}

TEST_CASE("records that can't be written name the file") {
  const auto written = write_records("/nonexistent/enrolled.json", {});
  REQUIRE(!written);
  CHECK(to_string(written.error()).find("/nonexistent/enrolled.json") != std::string::npos);
}

}  // namespace culvert::enrol
