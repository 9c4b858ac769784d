// The agent's xDS server and ztunnel's client, over a unix socket.
// SPDX-License-Identifier: Apache-2.0
#include "agent/mesh/xds_server.h"

#include <doctest/doctest.h>

#include "tests/unit/agent/served.h"
#include "ztunnel/lib/control/xds_client.h"

namespace culvert::mesh {

namespace {

using namespace std::chrono_literals;

std::shared_ptr<const DesiredMesh> mesh_of(const Resources& addresses,
                                           const Resources& authorizations = {}) {
  return std::make_shared<const DesiredMesh>(
      DesiredMesh{.addresses = addresses, .authorizations = authorizations, .pods = {}});
}

struct Client {
  std::vector<std::string> told;
  bool refusing = false;
  Rng rng{1};
  io::Scope scope;
  control::XdsClient xds;

  Client(io::Loop& loop, const std::string& path)
      : scope(loop, io::Scope::OnFailure::ignore),
        xds(loop, rng, [&loop, path] { return dial(loop, path); },
            control::XdsNode{.node_name = "east", .pod_name = "z", .pod_namespace = "s"},
            {.on_update = [this](std::string_view type, const auto& changed, const auto& removed) {
              return take(type, changed, removed);
            }}) {
    scope.spawn(xds.run());
  }

  std::vector<control::XdsRejection> take(std::string_view type,
                                          const std::vector<control::XdsResource>& changed,
                                          const std::vector<std::string>& removed) {
    std::string line = type == control::kAddressType ? "addresses" : "policies";
    std::vector<control::XdsRejection> rejections;
    for (const auto& resource : changed) {
      line += " +" + resource.name + "=" + std::string(as_text(resource.value));
      if (refusing) {
        rejections.push_back({.name = resource.name, .reason = "told to refuse"});
      }
    }
    for (const auto& name : removed) {
      line += " -" + name;
    }
    told.push_back(line);
    return rejections;
  }
};

struct Bench {
  std::unique_ptr<io::Loop> loop = io::make_epoll_loop();
  XdsServer server{*loop};
  Served served{*loop, server};
};

}  // namespace

TEST_CASE("a client gets the mesh, then each change alone") {
  Bench bench;
  bench.server.publish(mesh_of({{"a", {"A", "1"}}}, {{"p", {"P", "1"}}}));
  Client client(*bench.loop, bench.served.path());
  REQUIRE(bench.served.within(3s, [&] { return client.xds.ready(); }));
  CHECK(client.told == std::vector<std::string>{"addresses +a=A", "policies +p=P"});
  client.told.clear();
  bench.server.publish(mesh_of({{"a", {"A", "1"}}}, {{"q", {"Q", "1"}}}));
  CHECK(bench.served.within(3s, [&] { return client.told.size() == 1; }));
  CHECK(client.told.front() == "policies +q=Q -p");
  bench.served.stop(client.scope);
}

TEST_CASE("a client waits until the mesh is whole") {
  Bench bench;
  Client client(*bench.loop, bench.served.path());
  CHECK(!bench.served.within(100ms, [&] { return !client.told.empty(); }));
  bench.server.publish(mesh_of({}));
  CHECK(bench.served.within(3s, [&] { return client.xds.ready(); }));
  bench.served.stop(client.scope);
}

TEST_CASE("several clients are served, each at its own pace") {
  Bench bench;
  bench.server.publish(mesh_of({{"a", {"A", "1"}}}));
  Client one(*bench.loop, bench.served.path());
  Client two(*bench.loop, bench.served.path());
  REQUIRE(bench.served.within(3s, [&] { return one.xds.ready() && two.xds.ready(); }));
  CHECK(bench.server.client_count() == 2);
  bench.served.stop(one.scope);
  CHECK(bench.served.within(3s, [&] { return bench.server.client_count() == 1; }));
  bench.served.stop(two.scope);
}

TEST_CASE("what a client refuses is among the problems until it takes something again") {
  Bench bench;
  bench.server.publish(mesh_of({{"a", {"A", "1"}}}));
  Client client(*bench.loop, bench.served.path());
  client.refusing = true;
  REQUIRE(bench.served.within(3s, [&] { return !bench.server.problems().empty(); }));
  CHECK(bench.server.problems().front().sentence.find("told to refuse") != std::string::npos);
  client.refusing = false;
  bench.server.publish(mesh_of({{"a", {"AA", "2"}}}));
  CHECK(bench.served.within(3s, [&] { return bench.server.problems().empty(); }));
  bench.served.stop(client.scope);
}

}  // namespace culvert::mesh
