// A machine that forbids io_uring: the daemons serve on epoll, and say so.
// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>

#include "tests/netns/two_nodes.h"

namespace culvert::lab {

namespace {

constexpr const char* kSwitch = "/proc/sys/kernel/io_uring_disabled";

// The switch is the whole machine's, so it is set for no longer than the daemons need to start.
class NoIoUring {
 public:
  NoIoUring() : before_(read_file(kSwitch)) { set("2"); }
  NoIoUring(const NoIoUring&) = delete;
  NoIoUring& operator=(const NoIoUring&) = delete;
  ~NoIoUring() { set(before_); }

 private:
  static void set(const std::string& value) { std::ofstream(kSwitch) << value; }

  std::string before_;
};

// The run's own CULVERT_IO would decide before the kernel is asked.
class NoChoice {
 public:
  NoChoice() {
    if (const char* value = std::getenv("CULVERT_IO")) {
      before_ = value;
    }
    ::unsetenv("CULVERT_IO");
  }
  NoChoice(const NoChoice&) = delete;
  NoChoice& operator=(const NoChoice&) = delete;
  ~NoChoice() {
    if (before_) {
      ::setenv("CULVERT_IO", before_->c_str(), 1);
    }
  }

 private:
  std::optional<std::string> before_;
};

int rings_of(pid_t pid) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(fmt::format("/proc/{}/fd", pid))) {
    std::error_code gone;
    count +=
        std::filesystem::read_symlink(entry, gone).string().find("[io_uring]") != std::string::npos;
  }
  return count;
}

std::string status_of(const Node& node) {
  return must_run({}, {program("culvertctl"), "--run-dir", node.paths().run_folder, "status"});
}

}  // namespace

TEST_CASE("a node whose kernel forbids io_uring serves on epoll, and status says why") {
  TwoNodes pair("no io_uring");
  const NoChoice no_choice;
  {
    const NoIoUring forbidden;
    pair.mesh.start();
  }
  answer_of(pair.client.curl(pair.server.url()));
  answer_of(pair.client.curl(pair.shop.url()));
  for (Node& node : pair.mesh.nodes()) {
    INFO(node.name());
    CHECK(rings_of(node.ztunnel().pid()) == 0);
    const std::string status = status_of(node);
    INFO(status);
    CHECK(status.find("epoll: ") != std::string::npos);
    CHECK(status.find("the sysctl kernel.io_uring_disabled is 2") != std::string::npos);
  }
}

TEST_CASE("a node whose kernel has io_uring serves on it") {
  TwoNodes pair("io_uring");
  const NoChoice no_choice;
  pair.mesh.start();
  answer_of(pair.client.curl(pair.server.url()));
  for (Node& node : pair.mesh.nodes()) {
    INFO(node.name());
    CHECK(rings_of(node.ztunnel().pid()) > 0);
    CHECK(status_of(node).find("uring") != std::string::npos);
  }
}

}  // namespace culvert::lab
