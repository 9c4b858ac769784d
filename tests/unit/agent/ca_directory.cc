// The folder of the mesh's root: made once, refused when it can't be trusted.
// SPDX-License-Identifier: Apache-2.0
#include "agent/mesh/ca_directory.h"

#include <doctest/doctest.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <set>

#include "tests/unit/agent/scratch_folder.h"

namespace culvert::mesh {

namespace {

namespace fs = std::filesystem;

const auto kNow = std::chrono::system_clock::now();

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::string refusal(const std::string& directory) {
  const auto authority = open_authority(directory, "cluster.local", kNow);
  return authority ? "" : to_string(authority.error());
}

}  // namespace

TEST_CASE("the first agent makes the root, the next one loads it") {
  const ScratchFolder folder;
  const auto first = open_authority(folder / "ca", "cluster.local", kNow);
  REQUIRE(first);
  const auto second = open_authority(folder / "ca", "cluster.local", kNow);
  REQUIRE(second);
  CHECK(first->root_pem() == second->root_pem());
  CHECK((fs::status(folder / "ca/key.pem").permissions() & fs::perms::mask) ==
        (fs::perms::owner_read | fs::perms::owner_write));
}

TEST_CASE("of agents that start at the same moment one makes the root and all have the same") {
  const ScratchFolder folder;
  constexpr int kAgents = 8;
  for (int i = 0; i < kAgents; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      const auto authority = open_authority(folder / "ca", "cluster.local", kNow);
      std::ofstream(folder / ("seen-" + std::to_string(i)))
          << (authority ? authority->root_pem() : to_string(authority.error()));
      ::_exit(authority ? 0 : 1);
    }
    REQUIRE(child > 0);
  }
  for (int i = 0; i < kAgents; ++i) {
    int status = -1;
    REQUIRE(::wait(&status) > 0);
    CHECK(status == 0);
  }
  std::set<std::string> seen;
  for (int i = 0; i < kAgents; ++i) {
    seen.insert(text_of(folder / ("seen-" + std::to_string(i))));
  }
  CHECK(seen == std::set<std::string>{text_of(folder / "ca/root.pem")});
}

TEST_CASE("a key that others may read is refused, and not repaired silently") {
  const ScratchFolder folder;
  REQUIRE(open_authority(folder.path(), "cluster.local", kNow));
  fs::permissions(folder / "key.pem", fs::perms::group_read, fs::perm_options::add);
  const std::string sentence = refusal(folder.path());
  CHECK(sentence.find("can be read by others (mode 0640)") != std::string::npos);
  CHECK(sentence.find(folder / "key.pem") != std::string::npos);
}

TEST_CASE("a key that is a link to elsewhere is refused") {
  const ScratchFolder folder;
  REQUIRE(open_authority(folder.path(), "cluster.local", kNow));
  fs::rename(folder / "key.pem", folder / "elsewhere");
  fs::create_symlink(folder / "elsewhere", folder / "key.pem");
  CHECK(refusal(folder.path()).find("key.pem") != std::string::npos);
}

TEST_CASE("a key without its root, a broken key and another's root are refused by name") {
  const ScratchFolder folder;
  REQUIRE(open_authority(folder / "a", "cluster.local", kNow));
  REQUIRE(open_authority(folder / "b", "cluster.local", kNow));
  SUBCASE("another's root") {
    fs::copy_file(folder / "b/root.pem", folder / "a/root.pem",
                  fs::copy_options::overwrite_existing);
  }
  SUBCASE("a broken key") {
    std::ofstream(folder / "a/key.pem") << "nonsense";
  }
  SUBCASE("no root") {
    fs::remove(folder / "a/root.pem");
  }
  CHECK(refusal(folder / "a").find(folder / "a/root.pem") != std::string::npos);
}

TEST_CASE("a root that has expired is refused with the way out") {
  const ScratchFolder folder;
  REQUIRE(open_authority(folder.path(), "cluster.local",
                         kNow - tls::kRootLifetime - std::chrono::hours(1)));
  CHECK(refusal(folder.path()).find("has expired: remove it") != std::string::npos);
}

TEST_CASE("a full disk is one sentence, and no half of a root is taken for one later") {
  const ScratchFolder folder;
  fs::create_directory(folder / "full");
  if (::mount("none", (folder / "full").c_str(), "tmpfs", 0, "size=4096") != 0) {
    MESSAGE("skipped: no permission to mount a tmpfs");
    return;
  }
  std::ofstream(folder / "full/ballast") << std::string(4096, 'x');
  const std::string sentence = refusal(folder / "full");
  CHECK(sentence.find("No space left on device") != std::string::npos);
  fs::remove(folder / "full/ballast");
  ::umount((folder / "full").c_str());
  REQUIRE(::mount("none", (folder / "full").c_str(), "tmpfs", 0, "size=1m") == 0);
  CHECK(open_authority(folder / "full", "cluster.local", kNow));
  ::umount((folder / "full").c_str());
}

TEST_CASE("a half-made root is made whole by the next agent") {
  const ScratchFolder folder;
  std::ofstream(folder / "root.pem") << "a root whose maker died before the key";
  std::ofstream(folder / "key.pem.new") << "half a key";
  CHECK(open_authority(folder.path(), "cluster.local", kNow));
}

}  // namespace culvert::mesh
