// Keeps what the daemons and the API server know when a test of a cluster fails: the cluster itself
// is gone when somebody asks why.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <filesystem>
#include <sstream>

#include "tests/kind/installed.h"
#include "tests/support/listener.h"
#include "tests/support/paths.h"

namespace culvert::lab {

namespace {

constexpr const char* kLogTime = "--since=20m";  // longer than a test

// Into `<build>/logs/<test>/`, one file a container and one of all objects.
std::string keep_logs(const std::string& test) {
  const auto& kubectl = bare_cluster().kubectl();
  std::string name = test.substr(0, 40);
  std::ranges::replace_if(name, [](unsigned char c) { return std::isalnum(c) == 0; }, '-');
  const std::string folder =
      program("culvertctl").substr(0, program("culvertctl").rfind("/bin/")) + "/logs/" + name;
  std::filesystem::create_directories(folder);
  std::istringstream pods(
      kubectl.run({"-n", kSystem, "get", "pods", "-o", "jsonpath={.items[*].metadata.name}"}).out);
  for (std::string pod; pods >> pod;) {
    for (const bool previous : {true, false}) {  // a restarted container's as well
      const auto log = kubectl.run({"-n", kSystem, "logs", pod, "--all-containers", "--timestamps",
                                    kLogTime, fmt::format("--previous={}", previous)});
      if (log.ok()) {
        write_file(fmt::format("{}/{}{}.log", folder, pod, previous ? "-previous" : ""), log.out);
      }
    }
  }
  std::string objects;
  for (const char* kind : {"pods", "services", "events"}) {
    objects += kubectl.run({"get", kind, "-A", "-o", "wide"}).out + "\n";
  }
  write_file(folder + "/objects.txt", objects);
  return folder;
}

struct KeepLogs : Listener {
  explicit KeepLogs(const doctest::ContextOptions&) {}
  void test_case_start(const doctest::TestCaseData& test) override { name_ = test.m_name; }
  void test_case_end(const doctest::CurrentTestCaseStats& stats) override {
    if (!stats.testCaseSuccess) {
      try {
        std::printf("the daemons' logs are in %s\n", keep_logs(name_).c_str());
      } catch (const std::exception& error) {
        std::printf("the daemons' logs could not be kept: %s\n", error.what());
      }
    }
  }

 private:
  std::string name_;
};

REGISTER_LISTENER("logs", 2, KeepLogs);

}  // namespace

}  // namespace culvert::lab
