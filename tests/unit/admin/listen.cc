// Listening sockets: a clear sentence for what is taken, and socket files that are ours alone.
// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/admin/listen.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <fstream>

#include "tests/unit/admin/raw_client.h"
#include "tests/unit/admin/temporary_folder.h"

namespace culvert::admin {
namespace {

TEST_CASE("a port in use is refused with a sentence that names it and the next step") {
  const auto first = listen_tcp({IpAddress::loopback_v4(), 0}, false);
  REQUIRE(first);
  const std::uint16_t port = port_of(*first).value();
  const auto second = listen_tcp({IpAddress::loopback_v4(), port}, false);
  REQUIRE(!second);
  CHECK(second.error().code == Errc::config);
  CHECK(to_string(second.error()) ==
        "port " + std::to_string(port) +
            " is in use on 127.0.0.1: stop the process that listens there (ss -ltnp) or choose "
            "another port");
}

TEST_CASE("a socket file is for root alone and goes away with its maker") {
  const TemporaryFolder folder;
  const std::string path = folder.file("a.sock");
  const auto made = listen_unix(path, false);
  REQUIRE(made);
  struct stat found{};
  REQUIRE(::stat(path.c_str(), &found) == 0);
  CHECK((found.st_mode & 0777) == 0600);
  CHECK(connect_unix(path));
  made->file.remove_if_ours();
  CHECK(!std::filesystem::exists(path));
}

TEST_CASE("a socket file that nobody serves is replaced") {
  const TemporaryFolder folder;
  const std::string path = folder.file("a.sock");
  REQUIRE(listen_unix(path, false));  // closed at once: a stale file
  REQUIRE(std::filesystem::exists(path));
  const auto again = listen_unix(path, false);
  REQUIRE(again);
  CHECK(connect_unix(path));
}

TEST_CASE("a socket file that is served is refused, unless it is to be taken over") {
  const TemporaryFolder folder;
  const std::string path = folder.file("a.sock");
  const auto first = listen_unix(path, false);
  REQUIRE(first);
  const auto refused = listen_unix(path, false);
  REQUIRE(!refused);
  CHECK(to_string(refused.error()) ==
        path + " is served by a running process: stop that one or choose another --run-dir");
  const auto second = listen_unix(path, true);
  REQUIRE(second);
  first->file.remove_if_ours();  // the file is the second's by now
  CHECK(std::filesystem::exists(path));
}

TEST_CASE("a file that is no socket is not touched") {
  const TemporaryFolder folder;
  const std::string path = folder.file("precious");
  std::ofstream(path) << "text";
  const auto refused = listen_unix(path, true);
  REQUIRE(!refused);
  CHECK(to_string(refused.error()) ==
        path + " exists and is no socket: remove it or choose another --run-dir");
  CHECK(std::filesystem::file_size(path) == 4);
}

TEST_CASE("a path that does not fit a socket address is refused") {
  const auto refused = listen_unix("/tmp/" + std::string(200, 'x'), false);
  REQUIRE(!refused);
  CHECK(refused.error().code == Errc::config);
}

}  // namespace
}  // namespace culvert::admin
