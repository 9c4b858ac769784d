// The command line: what is understood, and what a mistake is answered with.
// SPDX-License-Identifier: Apache-2.0
#include "tools/culvertctl/options.h"

#include <doctest/doctest.h>

namespace culvert::ctl {
namespace {

Options understood(const Invocation& invocation) {
  REQUIRE(invocation.options.has_value());
  return invocation.options.value_or(Options{});
}

TEST_CASE("options stand before or behind the command") {
  const Options behind =
      understood(parse({"workloads", "shop/server", "-o", "json"}, "/run/culvert"));
  CHECK(behind.command == "workloads");
  CHECK(behind.name == "shop/server");
  CHECK(behind.json);
  CHECK(behind.run_dir == "/run/culvert");
  const Options before =
      understood(parse({"--run-dir", "/tmp/n1", "connections", "--pod", "client"}, "/run/x"));
  CHECK(before.command == "connections");
  CHECK(before.pod == "client");
  CHECK(before.run_dir == "/tmp/n1");
  CHECK(!before.json);
}

TEST_CASE("a wrong command suggests the nearest") {
  const Invocation wrong = parse({"--run-dir", "status", "verdict"}, "/run/culvert");
  CHECK(!wrong.options);
  CHECK(wrong.exit == Exit::usage);
  CHECK(wrong.text == "culvertctl: there is no command \"verdict\"; did you mean \"verdicts\"?\n");
  CHECK(parse({"frobnicate"}, "").text ==
        "culvertctl: there is no command \"frobnicate\"; culvertctl --help lists them\n");
}

TEST_CASE("other mistakes name the command whose help is needed") {
  CHECK(parse({}, "").exit == Exit::usage);
  CHECK(parse({}, "").text == "culvertctl: which command? culvertctl --help lists them\n");
  for (const std::vector<std::string>& mistake : {std::vector<std::string>{"status", "--loud"},
                                                  {"services", "a", "b"},
                                                  {"certs", "-o", "yaml"}}) {
    const Invocation wrong = parse(mistake, "");
    CAPTURE(wrong.text);
    CHECK(wrong.exit == Exit::usage);
    CHECK(wrong.text.find("culvertctl " + mistake[0] + " --help") != std::string::npos);
  }
}

TEST_CASE("the help documents the exit codes") {
  const Invocation help = parse({"--help"}, "/run/culvert");
  CHECK(help.exit == Exit::ok);
  CHECK(help.text.find("Exit codes: 0 all went well; 1 ") != std::string::npos);
  CHECK(help.text.find("2 the command line is wrong; 3 nothing of that name exists") !=
        std::string::npos);
  CHECK(parse({"connections", "--help"}, "").text.find("--pod") != std::string::npos);
  CHECK(parse({"--version"}, "").text.starts_with("culvertctl "));
}

}  // namespace
}  // namespace culvert::ctl
