// A node's CNI folder with our entry in the right file, and as it was before.
// SPDX-License-Identifier: Apache-2.0
#include "agent/cni/conf_dir.h"

#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/cni/net_d.h"

namespace culvert::cni {

namespace {

namespace fs = std::filesystem;

mode_t mode_of(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 07777 : 0;
}

}  // namespace

TEST_CASE("the entry goes into the first file by name, as the runtimes take it") {
  const NetD node;
  node.write("20-second.conflist", kList);
  node.write("10-first.conflist", kList);
  node.write("00-readme.txt", "no configuration");
  const auto state = put_in(node.folder.path(), kEntry);
  CHECK(state.in_place);
  CHECK(state.problems.empty());
  CHECK(state.primary == node / "10-first.conflist");
  CHECK(node.has_entry("10-first.conflist"));
  CHECK(!node.has_entry("20-second.conflist"));
}

TEST_CASE("mode and owner of a file stay, and nothing is left aside") {
  const NetD node;
  node.write("10.conflist", kList);
  ::chmod((node / "10.conflist").c_str(), 0640);
  REQUIRE(::chown((node / "10.conflist").c_str(), 1234, 4321) == 0);
  REQUIRE(put_in(node.folder.path(), kEntry).in_place);
  struct stat status{};
  REQUIRE(::stat((node / "10.conflist").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0640);
  CHECK(status.st_uid == 1234);
  CHECK(status.st_gid == 4321);
  CHECK(node.all().size() == 1);
}

TEST_CASE("a folder is left as it was found") {
  const NetD node;
  SUBCASE("a list") {
    node.write("10-a.conflist", kList);
  }
  SUBCASE("a single plugin") {
    node.write("10-a.conf", kSingle);
  }
  SUBCASE("a single plugin in .json beside others") {
    node.write("10-a.json", kSingle);
    node.write("20-b.conflist", kList);
  }
  const auto before = node.all();
  REQUIRE(put_in(node.folder.path(), kEntry).in_place);
  CHECK(node.all() != before);
  REQUIRE(take_out(node.folder.path()));
  CHECK(node.all() == before);
  CHECK(take_out(node.folder.path()));  // again is success
  CHECK(node.all() == before);
}

TEST_CASE("a single plugin's file gives way to a list that holds it") {
  const NetD node;
  node.write("10-a.conf", kSingle);
  ::chmod((node / "10-a.conf").c_str(), 0600);
  const auto state = put_in(node.folder.path(), kEntry);
  CHECK(state.in_place);
  CHECK(state.primary == node / "10-a.conflist");
  CHECK(node.read("10-a.conflist").contains(kSingle));
  CHECK(mode_of(node / "10-a.conflist") == 0600);
  CHECK(!fs::exists(node / "10-a.conf"));

  // Its owner writes it anew: the list follows.
  node.write("10-a.conf", R"({"cniVersion":"0.4.0","name":"s","type":"bridge","mtu":9000})");
  REQUIRE(put_in(node.folder.path(), kEntry).in_place);
  CHECK(node.read("10-a.conflist").contains("9000"));
  REQUIRE(take_out(node.folder.path()));
  CHECK(node.all().size() == 1);
  CHECK(node.read("10-a.conf").contains("9000"));
}

TEST_CASE("a list of ours that somebody made his own loses our entry and nothing else") {
  const NetD node;
  node.write("10-a.conf", kSingle);
  REQUIRE(put_in(node.folder.path(), kEntry).in_place);
  std::string grown = node.read("10-a.conflist");
  grown.insert(grown.find(kEntry), R"({"type":"portmap"},)");
  node.write("10-a.conflist", grown);
  REQUIRE(take_out(node.folder.path()));
  CHECK(node.all().size() == 1);
  CHECK(node.read("10-a.conflist").contains("portmap"));
  CHECK(!node.has_entry("10-a.conflist"));
}

TEST_CASE("a new first file gets the entry, and the one that was first loses it") {
  const NetD node;
  node.write("20-old.conflist", kList);
  REQUIRE(put_in(node.folder.path(), kEntry).in_place);
  node.write("10-new.conflist", kList);
  const auto state = put_in(node.folder.path(), kEntry);
  CHECK(state.in_place);
  CHECK(node.has_entry("10-new.conflist"));
  CHECK(node.read("20-old.conflist") == kList);
}

TEST_CASE("a file that can't be used is left alone and named, and the next one is taken") {
  const NetD node;
  const std::string old = R"({"cniVersion":"0.2.0","name":"n","plugins":[{"type":"a"}]})";
  node.write("05-broken.conflist", "{ half");
  node.write("06-old.conflist", old);
  fs::create_symlink(node / "elsewhere", node / "07-link.conf");
  node.write("10-good.conflist", kList);
  const auto state = put_in(node.folder.path(), kEntry);
  CHECK(state.in_place);
  CHECK(state.primary == node / "10-good.conflist");
  REQUIRE(state.problems.size() == 3);
  CHECK(state.problems[0].contains("05-broken.conflist"));
  CHECK(state.problems[1].contains("06-old.conflist"));
  CHECK(state.problems[2].contains("07-link.conf"));
  CHECK(node.read("05-broken.conflist") == "{ half");
  CHECK(node.read("06-old.conflist") == old);
}

TEST_CASE("a folder that is empty or absent is told, and no failure of a removal") {
  const NetD node;
  const auto empty = put_in(node.folder.path(), kEntry);
  CHECK(!empty.in_place);
  CHECK(empty.problems.front().contains(node.folder.path()));
  CHECK(put_in(node / "absent", kEntry).problems.front().contains("can't be read"));
  CHECK(take_out(node / "absent"));
}

TEST_CASE("two files for one list are told, and both stay") {
  const NetD node;
  node.write("10-a.conf", kSingle);
  node.write("10-a.conflist", kList);
  const auto before = node.all();
  const auto state = put_in(node.folder.path(), kEntry);
  CHECK(!state.in_place);
  CHECK(state.problems.front().contains("both there"));
  CHECK(node.all() == before);
}

TEST_CASE("the program is copied when it is not there, or another one") {
  const NetD node;
  node.write("built", "program");
  fs::create_directory(node / "bin");
  CHECK(*keep_program(node / "built", node / "bin"));
  CHECK(node.read("bin/culvert-cni") == "program");
  CHECK(mode_of(node / "bin/culvert-cni") == 0755);
  CHECK(!*keep_program(node / "built", node / "bin"));
  ::chmod((node / "bin/culvert-cni").c_str(), 0600);
  CHECK(*keep_program(node / "built", node / "bin"));
  node.write("built", "newer one");
  CHECK(*keep_program(node / "built", node / "bin"));
  CHECK(node.read("bin/culvert-cni") == "newer one");
  CHECK(!keep_program(node / "nothing", node / "bin"));
}

}  // namespace culvert::cni
