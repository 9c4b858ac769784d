// The Kubernetes client against a real API server: lists, watches, and what ends them.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "agent/kube/decode.h"
#include "tests/kube/following.h"
#include "tests/kube/shared_server.h"

namespace culvert::lab {

namespace {

using kube::Presence;
using Names = Following::Names;

// A namespace of a test's own.
struct Room {
  Room(ApiServer& server, std::string name) : api(server), ns(std::move(name)) {
    api.must_kubectl({"create", "namespace", ns});
  }
  void create(const std::string& name) const {
    api.must_kubectl({"create", "configmap", name, "-n", ns});
  }
  void remove(const std::string& name) const {
    api.must_kubectl({"delete", "configmap", name, "-n", ns});
  }
  kube::ReflectorOptions config_maps() const {
    return {.resource = kConfigMap, .in_namespace = ns};
  }
  ApiServer& api;
  std::string ns;
};

kube::Request to_create(const std::string& ns, const std::string& name) {
  kube::Request request{.verb = kube::Verb::create, .path = collection_path(kConfigMap, ns)};
  request.body["metadata"]["name"] = name;
  return request;
}

io::Task<> create_many(kube::Client& client, std::string ns, int count) {
  for (int i = 0; i < count; ++i) {
    (void)co_await client.call(to_create(ns, fmt::format("map-{}", i)));
  }
}

}  // namespace

TEST_CASE("a list of three pages and the watch behind it tell all that there is") {
  const Room room(shared_server(), "pages");
  const kube::Config config = config_of(room.api.kubeconfig());
  constexpr int kCount = 2 * kube::kPageItems + 1;
  {
    Following writer(config, {.resource = kConfigMap, .in_namespace = "default"});
    REQUIRE(writer.outcome(create_many(writer.client(), room.ns, kCount)));
  }
  Following following(config, room.config_maps());
  REQUIRE(following.eventually(30s, [&] { return following.status().fresh; }));
  CHECK(following.known.size() == kCount);
  room.create("later");
  room.remove("map-7");
  CHECK(following.eventually(10s, [&] { return following.known.contains("later"); }));
  CHECK(following.eventually(10s, [&] { return !following.known.contains("map-7"); }));
  CHECK(following.known.size() == kCount);
  CHECK(following.lists == 1);
}

TEST_CASE("a selector is the server's business") {
  const Room room(shared_server(), "selected");
  room.create("one");
  room.create("two");
  auto options = room.config_maps();
  options.selectors = {{"fieldSelector", "metadata.name=two"}};
  Following following(config_of(room.api.kubeconfig()), std::move(options));
  CHECK(following.eventually_knows({"two"}));
}

TEST_CASE("a bookmark is read as one, and carries a version of its own") {
  const Room room(shared_server(), "bookmarks");
  room.create("one");
  Following following(config_of(room.api.kubeconfig()), room.config_maps());
  REQUIRE(following.eventually_knows({"one"}));
  // The server says one shortly before a watch ends that was asked for a few seconds.
  std::vector<kube::WatchEvent> events;
  const auto watched = following.outcome([](io::Loop& loop, kube::Client& client, std::string path,
                                            std::vector<kube::WatchEvent>& into) -> io::Task<> {
    const auto body = co_await client.stream(path, {{"watch", "true"},
                                                    {"allowWatchBookmarks", "true"},
                                                    {"resourceVersion", "0"},
                                                    {"timeoutSeconds", "5"}});
    kube::JsonCutter cutter(kube::JsonCutter::Shape::stream,
                            [&into](std::string_view text) -> Result<> {
                              TRY(auto event, kube::parse_event(text));
                              into.push_back(std::move(event));
                              return {};
                            });
    co_await kube::read_objects(loop, *body, cutter);
  }(following.loop(), following.client(), collection_path(kConfigMap, room.ns), events));
  REQUIRE_MESSAGE(watched, to_string(watched.error()));
  REQUIRE(events.size() >= 2);
  CHECK(events.front().type == kube::WatchEvent::Type::changed);
  CHECK(events.back().type == kube::WatchEvent::Type::bookmark);
  CHECK(events.back().resource_version != "");
}

TEST_CASE("what was deleted while history was lost is gone after a new list") {
  const Room room(shared_server(), "history");
  room.create("kept");
  room.create("deleted");
  Following following(config_of(room.api.kubeconfig()), room.config_maps());
  REQUIRE(following.eventually_knows({"kept", "deleted"}));
  following.disconnect();
  room.remove("deleted");
  room.create("new");
  room.api.forget_history();
  following.connect();
  CHECK(following.eventually_knows({"kept", "new"}));
  CHECK(following.lists == 2);
  CHECK(following.eventually(5s, [&] { return following.status().fresh; }));
}

TEST_CASE("what happened while there was no connection is watched on, without a list") {
  const Room room(shared_server(), "apart");
  room.create("kept");
  room.create("deleted");
  Following following(config_of(room.api.kubeconfig()), room.config_maps());
  REQUIRE(following.eventually_knows({"kept", "deleted"}));
  following.disconnect();
  room.remove("deleted");
  room.create("new");
  following.connect();
  CHECK(following.eventually_knows({"kept", "new"}));
  CHECK(following.lists == 1);
}

TEST_CASE("a server that ends and comes back is followed on, and what was known stays meanwhile") {
  const Room room(shared_server(), "restarted");
  room.create("before");
  Following following(config_of(room.api.kubeconfig()), room.config_maps());
  REQUIRE(following.eventually(10s, [&] { return following.status().fresh; }));
  room.api.stop();
  CHECK(following.eventually(10s, [&] { return !following.status().fresh; }));
  CHECK(following.eventually(
      20s, [&] { return following.status().error.contains("Connection refused"); }));
  CHECK(following.known == Names{"before"});
  CHECK(following.status().synced());
  room.api.start();
  room.create("after");
  CHECK(following.eventually(15s, [&] { return following.known == Names{"before", "after"}; }));
  CHECK(following.status().fresh);
}

TEST_CASE("a kind whose CRD is not installed is absent, and found once it is") {
  ApiServer api;
  Following following(config_of(api.kubeconfig()),
                      {.resource = {.api_version = "security.istio.io/v1",
                                    .kind = "AuthorizationPolicy",
                                    .plural = "authorizationpolicies"}});
  REQUIRE(following.eventually(10s, [&] { return following.status().synced(); }));
  CHECK(following.status() == kube::ReflectorStatus{.presence = Presence::absent});
  api.install_crds();
  api.apply(
      "{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, "
      "metadata: {name: nobody, namespace: default}, spec: {}}");
  CHECK(following.eventually(kube::kAbsentInterval + 5s,
                             [&] { return following.known == Names{"nobody"}; }));
  CHECK(following.status().presence == Presence::present);
}

TEST_CASE("who may not list is told so, and is let in when a role is there") {
  const Room room(shared_server(), "forbidden");
  room.create("one");
  Following following(config_of(room.api.kubeconfig_for("reader")), room.config_maps());
  REQUIRE(following.eventually(10s, [&] { return !following.status().error.empty(); }));
  CHECK(following.status().error.contains("User \"reader\" cannot list resource \"configmaps\""));
  CHECK_FALSE(following.status().synced());
  room.api.must_kubectl(
      {"create", "role", "reader", "-n", room.ns, "--verb=list,watch", "--resource=configmaps"});
  room.api.must_kubectl(
      {"create", "rolebinding", "reader", "-n", room.ns, "--role=reader", "--user=reader"});
  CHECK(following.eventually_knows({"one"}));
}

TEST_CASE("a service account is known by its folder, and by the token that is in it now") {
  const Room room(shared_server(), "tokens");
  const kube::Config admin = config_of(room.api.kubeconfig());
  room.api.must_kubectl({"create", "serviceaccount", "agent", "-n", room.ns});
  room.api.must_kubectl(
      {"create", "role", "all", "-n", room.ns, "--verb=*", "--resource=configmaps"});
  room.api.must_kubectl({"create", "rolebinding", "all", "-n", room.ns, "--role=all",
                         "--serviceaccount=" + room.ns + ":agent"});
  // A token dies with the object that it is bound to: quicker than by its time, ten minutes at
  // least.
  const auto token_bound_to = [&](const std::string& secret) {
    room.api.must_kubectl({"create", "secret", "generic", secret, "-n", room.ns});
    return room.api.must_kubectl({"create", "token", "agent", "-n", room.ns,
                                  "--bound-object-kind=Secret", "--bound-object-name=" + secret});
  };
  const std::string folder = room.api.folder() + "/service-account";
  must_run({}, {"mkdir", folder});
  write_file(folder + "/ca.crt", read_file(admin.roots.path));
  write_file(folder + "/token", token_bound_to("first"));
  const auto config =
      kube::in_cluster(to_string(admin.server.ip), std::to_string(admin.server.port), folder);
  REQUIRE_MESSAGE(config, to_string(config.error()));

  Following following(*config, room.config_maps());
  const auto create = [&](const std::string& name) {
    return following.outcome(following.client().call(to_create(room.ns, name)));
  };
  REQUIRE(create("one"));
  room.api.must_kubectl({"delete", "secret", "first", "-n", room.ns});
  // The server remembers for 10 s whom a token named.
  int made = 0;
  CHECK(following.eventually(20s, [&] {
    const auto refused = create(fmt::format("more-{}", made));
    made += refused ? 1 : 0;
    return !refused && kube::http_status(refused.error()) == 401;
  }));
  write_file(folder + "/token", token_bound_to("second"));
  const auto created = create("two");
  CHECK_MESSAGE(created, to_string(created.error()));
  CHECK(following.eventually(10s, [&] { return following.known.contains("two"); }));
  CHECK(following.known.size() == static_cast<std::size_t>(made) + 2);
}

}  // namespace culvert::lab
