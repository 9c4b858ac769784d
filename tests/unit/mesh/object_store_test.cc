// What is known of a cluster, told object by object.
// SPDX-License-Identifier: Apache-2.0
#include "agent/mesh/object_store.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/mesh/shop.h"

namespace culvert::mesh {
namespace {

using Json = nlohmann::json;

const Kind& kPods = *find_kind("", "Pod");
const Kind& kAccounts = *find_kind("", "ServiceAccount");

Json pod(const std::string& name, const std::string& ip) {
  return {{"metadata", {{"name", name}, {"namespace", "shop"}, {"uid", "uid-" + name}}},
          {"spec", {{"nodeName", "n1"}}},
          {"status", {{"phase", "Running"}, {"podIP", ip}}}};
}
Json account(const std::string& name) {
  return {{"metadata", {{"name", name}, {"namespace", "shop"}}}};
}

std::vector<std::string> pods(const ObjectStore& store) {
  std::vector<std::string> names;
  for (const auto& [key, one] : store.objects().pods) {
    names.push_back(key.second + "=" + to_string(one.ips.at(0)));
  }
  return names;
}
using Pods = std::vector<std::string>;

TEST_CASE("objects come, change and go, and only what differs is a change") {
  ObjectStore store;
  CHECK(store.put(kPods, pod("a", "10.0.0.1")));
  CHECK_FALSE(store.put(kPods, pod("a", "10.0.0.1")));
  auto touched = pod("a", "10.0.0.1");
  touched["metadata"]["resourceVersion"] = "7";
  CHECK_FALSE(store.put(kPods, touched));
  CHECK(store.put(kPods, pod("a", "10.0.0.2")));
  CHECK(pods(store) == Pods{"a=10.0.0.2"});
  CHECK_FALSE(store.remove(kAccounts, account("a")));
  CHECK(store.remove(kPods, pod("a", "10.0.0.2")));
  CHECK_FALSE(store.remove(kPods, pod("a", "10.0.0.2")));
  CHECK(store.objects().count() == 0);
}

TEST_CASE("an object that breaks keeps its last good form, is told of, and heals") {
  ObjectStore store;
  store.put(kPods, pod("a", "10.0.0.1"));
  CHECK(store.put(kPods, pod("a", "here")));
  CHECK_FALSE(store.put(kPods, pod("a", "here")));
  CHECK(pods(store) == Pods{"a=10.0.0.1"});
  REQUIRE(store.problems().size() == 1);
  CHECK(store.problems()[0].sentence.starts_with("Pod shop/a: status.podIPs: "));
  CHECK(store.put(kPods, pod("a", "10.0.0.3")));
  CHECK(pods(store) == Pods{"a=10.0.0.3"});
  CHECK(store.problems().empty());
}

TEST_CASE("with an object go its problems") {
  ObjectStore store;
  store.put(kPods, pod("a", "here"));
  CHECK(store.remove(kPods, pod("a", "here")));
  CHECK(store.problems().empty());
}

TEST_CASE("a list takes away what it does not name, of its kind alone, and with it the problems") {
  ObjectStore store;
  store.put(kAccounts, account("s"));
  store.put(kPods, pod("a", "10.0.0.1"));
  store.put(kPods, pod("b", "10.0.0.2"));
  store.put(kPods, pod("broken", "x"));
  store.begin_list(kPods);
  CHECK(store.put(kPods, pod("c", "10.0.0.3")));
  CHECK_FALSE(store.put(kPods, pod("b", "10.0.0.2")));
  CHECK(pods(store) == Pods{"a=10.0.0.1", "b=10.0.0.2", "c=10.0.0.3"});
  CHECK(store.end_list(kPods));
  CHECK(pods(store) == Pods{"b=10.0.0.2", "c=10.0.0.3"});
  CHECK(store.problems().empty());
  CHECK(store.objects().service_accounts.size() == 1);
  store.begin_list(kPods);
  store.put(kPods, pod("b", "10.0.0.2"));
  store.put(kPods, pod("c", "10.0.0.3"));
  CHECK_FALSE(store.end_list(kPods));
}

TEST_CASE("an object that a list names and that can't be used keeps its last good form") {
  ObjectStore store;
  store.put(kPods, pod("a", "10.0.0.1"));
  store.begin_list(kPods);
  store.put(kPods, pod("a", "here"));
  store.end_list(kPods);
  CHECK(pods(store) == Pods{"a=10.0.0.1"});
  CHECK(store.problems().size() == 1);
}

TEST_CASE("a list that begins again without an end has taken nothing away") {
  ObjectStore store;
  store.put(kPods, pod("a", "10.0.0.1"));
  store.put(kPods, pod("b", "10.0.0.2"));
  store.begin_list(kPods);
  store.put(kPods, pod("a", "10.0.0.1"));
  store.begin_list(kPods);
  CHECK(pods(store).size() == 2);
  store.put(kPods, pod("b", "10.0.0.2"));
  CHECK(store.end_list(kPods));
  CHECK(pods(store) == Pods{"b=10.0.0.2"});
}

TEST_CASE("objects beyond the limit are left out and counted, and those within it still change") {
  ObjectStore store(2);
  store.put(kPods, pod("a", "10.0.0.1"));
  store.put(kPods, pod("b", "10.0.0.2"));
  CHECK(store.put(kPods, pod("c", "10.0.0.3")));
  CHECK_FALSE(store.put(kPods, pod("c", "10.0.0.3")));
  CHECK(store.put(kPods, pod("b", "10.0.0.4")));
  CHECK(pods(store) == Pods{"a=10.0.0.1", "b=10.0.0.4"});
  CHECK(sentences(store.problems()) ==
        std::vector<std::string>{"the cluster holds over 2 objects and 1 of kind Pod are left out; "
                                 "serve a cluster of this size by istiod"});
  store.remove(kPods, pod("a", ""));
  CHECK(store.put(kPods, pod("c", "10.0.0.3")));
  CHECK(store.problems().empty());
}

}  // namespace
}  // namespace culvert::mesh
