// Which pods wait for an agent, by what was written down.
// SPDX-License-Identifier: Apache-2.0
#include "agent/cni/namespaces.h"

#include <doctest/doctest.h>

#include <fstream>

#include "tests/unit/agent/scratch_folder.h"

namespace culvert::cni {

TEST_CASE("namespaces are read as they were written, by anybody") {
  const ScratchFolder folder;
  const std::string path = folder / "made/mesh-namespaces.json";
  CHECK(!read_namespaces(path)->has_value());
  REQUIRE(write_namespaces(path, {"shop", "till"}));
  CHECK(**read_namespaces(path) == Namespaces{"shop", "till"});
  CHECK((std::filesystem::status(path).permissions() & std::filesystem::perms::others_read) !=
        std::filesystem::perms::none);
}

TEST_CASE("a file that is no list of namespaces is an error that names it") {
  const ScratchFolder folder;
  const std::string path = folder / "n.json";
  for (const char* text : {"", "{", "[]", R"({"namespaces":7})", R"({"namespaces":[7]})"}) {
    CAPTURE(text);
    std::ofstream(path) << text;
    const auto namespaces = read_namespaces(path);
    REQUIRE(!namespaces);
    CHECK(to_string(namespaces.error()).contains(path));
  }
}

TEST_CASE("held are the mesh's namespaces, or all where nobody knows, and never the exempt ones") {
  CHECK(NamespaceRule{.mesh = {}, .exempt = {"own"}}.holds_back("shop"));
  CHECK(!NamespaceRule{.mesh = {}, .exempt = {"own"}}.holds_back("own"));
  const NamespaceRule known{.mesh = Namespaces{"shop", "own"}, .exempt = {"own"}};
  CHECK(known.holds_back("shop"));
  CHECK(!known.holds_back("other"));
  CHECK(!known.holds_back("own"));
}

TEST_CASE("an agent writes down what it learns, and starts with what the one before knew") {
  const ScratchFolder folder;
  const std::string path = folder / "n.json";
  NamespaceBook first(path, {});
  first.learn({"early"}, false);  // who knows what else there is
  CHECK(!first.rule().mesh);
  CHECK(!std::filesystem::exists(path));
  first.learn({"shop"}, true);
  CHECK(**read_namespaces(path) == Namespaces{"shop"});

  NamespaceBook second(path, {});
  second.learn({"till"}, false);
  CHECK(second.rule().mesh == Namespaces{"shop", "till"});
  second.learn({}, true);
  CHECK((*read_namespaces(path))->empty());
  CHECK(second.problem().empty());
}

TEST_CASE("a folder that can't be written is a problem until it can") {
  const ScratchFolder folder;
  std::ofstream(folder / "state") << "a file";
  NamespaceBook book(folder / "state/n.json", {});
  book.learn({"shop"}, true);
  CHECK(book.problem().contains(folder / "state"));
  std::filesystem::remove(folder / "state");
  book.learn({"shop"}, true);
  CHECK(book.problem().empty());
  CHECK(**read_namespaces(folder / "state/n.json") == Namespaces{"shop"});
}

}  // namespace culvert::cni
