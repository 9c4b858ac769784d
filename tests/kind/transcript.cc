// SPDX-License-Identifier: Apache-2.0
#include "tests/kind/transcript.h"

#include <doctest/doctest.h>
#include <stdlib.h>

#include <regex>
#include <sstream>

#include "tests/support/lab_error.h"
#include "tests/support/paths.h"
#include "tests/support/process.h"

namespace culvert::lab {

namespace {

constexpr const char* kFence = "```";
constexpr const char* kControlPlane = "-control-plane";

// The cluster's own name, whatever CULVERT_KIND is, is the usual one.
std::string with_usual_name(const Cluster& cluster, std::string text) {
  const std::string& node = cluster.nodes()[0];
  const std::string name = node.substr(0, node.find(kControlPlane));
  text =
      std::regex_replace(text, std::regex("\\b" + name + "-(control-plane|worker)"), "culvert-$1");
  return std::regex_replace(text, std::regex("[0-9a-f]{64}"), "…");
}

// The parts of one node stand for all.
std::string with_one_node(const std::string& text) {
  std::istringstream lines(text);
  std::string out;
  bool kept = true;
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && !line.starts_with(" ")) {
      kept = !line.contains(" on ") || line.ends_with(" on culvert-worker");
    }
    if (kept) {
      out += line + "\n";
    }
  }
  return out;
}

// Nor where the machine has its cgroups.
std::string without_figures(std::string text) {
  text = std::regex_replace(text, std::regex("/sys/fs/cgroup/[^ \n]*"), "/sys/fs/cgroup");
  text = std::regex_replace(text, std::regex("[0-9]+[dhms]( [0-9]+[dhms])?"), "T");
  text = std::regex_replace(text, std::regex("[0-9]+"), "N");
  text = std::regex_replace(text, std::regex("policies"), "policy");
  return std::regex_replace(text, std::regex("(pod|certificate)s\\b"), "$1");
}

}  // namespace

void check_transcript(const Cluster& cluster, const std::string& command,
                      const std::string& output) {
  const std::string path = source_folder() + "/README.md";
  std::string readme = read_file(path);
  const std::string begin = std::string(kFence) + "\n$ " + command + "\n";
  const std::size_t at = readme.find(begin);
  expect(at != std::string::npos, "README.md has no transcript of {}", command);
  const std::size_t from = at + begin.size();
  const std::size_t to = readme.find(kFence, from);
  const std::string seen = with_one_node(with_usual_name(cluster, output));
  if (const char* wish = ::getenv("CULVERT_TRANSCRIPT");
      wish != nullptr && wish == std::string("write")) {
    write_file(path, readme.replace(from, to - from, seen));
    return;
  }
  INFO("CULVERT_TRANSCRIPT=write in the environment of this test writes it anew");
  CHECK(without_figures(readme.substr(from, to - from)) == without_figures(seen));
}

}  // namespace culvert::lab
