// What a person or a broken machine does wrong: one sentence that names the object, and all else
// goes on.
// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "tests/netns/two_nodes.h"

namespace culvert::lab {

namespace {

bool reported(const Node& node, const std::string& word) {
  return eventually(5s, [&] { return node.ask_agent("/errors").find(word) != std::string::npos; });
}

}  // namespace

TEST_CASE("broken YAML and unknown kinds are named, and what was running keeps running") {
  TwoNodes pair("bad objects");
  pair.mesh.start();
  pair.mesh.apply("broken", "kind: Pod\nmetadata: [unclosed\n");
  CHECK(reported(pair.east, "broken.yaml"));
  pair.mesh.apply("strange",
                  "apiVersion: example.com/v1\nkind: Teapot\nmetadata:\n  name: strange\n");
  CHECK(answer_of(pair.client.curl(pair.server.url())).value("server", "") == "server");
  // A file that breaks while it holds a policy must not open what the policy closed.
  pair.mesh.apply("deny", deny_yaml("deny-client", pair.client, pair.server));
  CHECK(eventually(2s,
                   [&] { return !pair.client.curl(pair.server.url(), {"--max-time", "1"}).ok(); }));
  pair.mesh.apply("deny", "kind: AuthorizationPolicy\nspec: {unclosed\n");
  CHECK(reported(pair.west, "deny.yaml"));
  CHECK_FALSE(pair.client.curl(pair.server.url(), {"--max-time", "1"}).ok());
  pair.mesh.withdraw("deny");
  pair.mesh.withdraw("broken");
  CHECK(eventually(2s,
                   [&] { return pair.client.curl(pair.server.url(), {"--max-time", "1"}).ok(); }));
}

TEST_CASE("a pod that nobody described is refused by name") {
  TwoNodes pair("undescribed pod");
  pair.mesh.start();
  const Pod& stray = pair.mesh.pod("stray", "east");
  const std::string error = pair.east.try_enrol(stray);
  INFO(error);
  CHECK(error.find("stray") != std::string::npos);
  CHECK(answer_of(pair.client.curl(pair.server.url())).value("server", "") == "server");
}

TEST_CASE("a CA key that others can read is refused with its path") {
  Mesh mesh("readable key");
  Node& east = mesh.node("east");
  mesh.pod("client", "east");
  mesh.start();
  east.agent().kill();
  std::string key;
  for (const auto& entry : std::filesystem::directory_iterator(east.paths().certificates)) {
    if (read_file(entry.path()).find("PRIVATE KEY") != std::string::npos) {
      key = entry.path();
    }
  }
  REQUIRE_FALSE(key.empty());
  ::chmod(key.c_str(), 0644);
  east.start_agent();
  const auto code = east.agent().wait(5s);
  INFO(east.agent_log());
  CHECK(code.value_or(0) != 0);
  CHECK(east.agent_log().find(std::filesystem::path(key).filename().string()) != std::string::npos);
}

TEST_CASE("a port of ztunnel's that is taken is named") {
  Mesh mesh("port in use");
  Node& east = mesh.node("east");
  mesh.pod("client", "east");
  mesh.write_objects();
  Process squatter = Process::start({east.paths().netns, east.paths().cgroup + "/other"},
                                    {program("culvert-load"), "echo", "15020"},
                                    east.paths().folder + "/squatter.log");
  std::this_thread::sleep_for(300ms);
  east.start_agent();
  east.start_ztunnel();
  const auto code = east.ztunnel().wait(10s);
  INFO(east.ztunnel_log());
  CHECK(code.value_or(0) != 0);
  CHECK(east.ztunnel_log().find("15020") != std::string::npos);
}

}  // namespace culvert::lab
