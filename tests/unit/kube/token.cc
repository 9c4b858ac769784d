// SPDX-License-Identifier: Apache-2.0
#include "agent/kube/token.h"

#include "tests/unit/kube/folder.h"

namespace culvert::kube {
namespace {

using namespace std::chrono_literals;

TEST_CASE("a token's file is read anew after a minute, and not before") {
  const Folder folder;
  auto token = Token::of_file(folder.write("token", "one\n"));
  const io::TimePoint start{};
  CHECK(*token.get(start) == "one");
  folder.write("token", "two");
  CHECK(*token.get(start + 59s) == "one");
  CHECK(*token.get(start + 60s) == "two");
}

TEST_CASE("a token that was refused is read anew at once") {
  const Folder folder;
  auto token = Token::of_file(folder.write("token", "one"));
  CHECK(*token.get({}) == "one");
  folder.write("token", "two");
  CHECK(token.refused());
  CHECK(*token.get({}) == "two");
}

TEST_CASE("a token stays in force while its file can't be read or holds none") {
  const Folder folder;
  auto token = Token::of_file(folder.write("token", "one"));
  CHECK(*token.get({}) == "one");
  for (const std::string& bad : {std::string(), std::string(" \n"), std::string("two words"),
                                 std::string("a\r\nx-header: b"), std::string(17 << 10, 'x')}) {
    folder.write("token", bad);
    (void)token.refused();
    CHECK(*token.get({}) == "one");
  }
  folder.remove("token");
  (void)token.refused();
  CHECK(*token.get({}) == "one");
}

TEST_CASE("a token that never was there is an error that names the file") {
  const Folder folder;
  auto token = Token::of_file(folder.path() + "/token");
  const auto got = token.get({});
  REQUIRE(!got);
  CHECK(got.error().code == Errc::config);
  CHECK(got.error().context == "read " + folder.path() + "/token: No such file or directory");
  folder.write("token", "late");
  CHECK(*token.get({}) == "late");
}

TEST_CASE("a token that is text, or none, never changes") {
  auto token = Token::of_text("fixed");
  CHECK(!token.refused());
  CHECK(*token.get({}) == "fixed");
  CHECK(*Token().get({}) == "");
}

}  // namespace
}  // namespace culvert::kube
