// The mesh's objects from an API server, good days and bad: when they are whole, what stays when
// the server is away, and what is said of what is missing.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "agent/mesh/kubernetes_source.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "agent/mesh/translator.h"
#include "tests/protocol/kube_server.h"
#include "ztunnel/lib/io/timeout.h"

namespace culvert::protocol {
namespace {

constexpr const char* kNamespaces = "/api/v1/namespaces";
constexpr const char* kNodes = "/api/v1/nodes";
constexpr const char* kPods = "/api/v1/pods";
constexpr const char* kServices = "/api/v1/services";
constexpr const char* kSlices = "/apis/discovery.k8s.io/v1/endpointslices";
constexpr const char* kPolicies = "/apis/security.istio.io/v1/authorizationpolicies";
constexpr const char* kPeers = "/apis/security.istio.io/v1/peerauthentications";
constexpr const char* kGateways = "/apis/gateway.networking.k8s.io/v1/gateways";
constexpr const char* kBuiltIn[] = {kNamespaces, kNodes, kPods, kServices, kSlices};
constexpr const char* kWithCrds[] = {kPolicies, kPeers, kGateways};

std::string shop_pod(const std::string& name, int version, const std::string& ip = "10.0.0.1") {
  return fmt::format(
      R"({{"metadata":{{"name":"{0}","namespace":"shop","uid":"uid-{0}","resourceVersion":"{1}"}},)"
      R"("spec":{{"nodeName":"n1"}},"status":{{"phase":"Running","podIP":"{2}"}}}})",
      name, version, ip);
}

std::string shop_namespace(const std::string& mode) {
  return fmt::format(R"({{"metadata":{{"name":"shop","resourceVersion":"1",)"
                     R"("labels":{{"istio.io/dataplane-mode":"{}"}}}}}})",
                     mode);
}

std::string policy(const std::string& action, int version) {
  return fmt::format(R"({{"metadata":{{"name":"p","namespace":"shop","resourceVersion":"{}"}},)"
                     R"("spec":{{"action":"{}","rules":[{{}}]}}}})",
                     version, action);
}

Answer items(const std::vector<std::string>& texts) {
  return {.body = fmt::format(R"({{"metadata":{{"resourceVersion":"5"}},"items":[{}]}})",
                              fmt::join(texts, ","))};
}

std::string change(const std::string& type, const std::string& object) {
  return fmt::format(R"({{"type":"{}","object":{}}})"
                     "\n",
                     type, object);
}

// A source before a server that has a namespace and a pod; every kind is installed.
struct Follower {
  explicit Follower(io::SimLoop& on)
      : loop(on), client(on, rng, [this] { return server.dial(); }, {}) {
    for (const char* path : kBuiltIn) {
      server.answers_at[path] = {items({})};
    }
    for (const char* path : kWithCrds) {
      server.answers_at[path] = {items({})};
    }
    server.answers_at[kNamespaces] = {items({shop_namespace("ambient")})};
    server.answers_at[kPods] = {items({shop_pod("cart", 1)})};
    scope.spawn(client.run());
  }

  template <class Condition>
  io::Task<> until(Condition condition) {
    for (int i = 0; i < 6000; ++i) {
      if (condition()) {
        co_return;
      }
      co_await loop.sleep(100ms);
    }
    co_await fail(Errc::timed_out, "what should happen did not: " + source.description());
  }
  io::Task<> until_complete() {
    co_await until([this] { return source.complete(); });
    (void)source.refresh();
  }
  // wait_for_change fails the test unless there is one within a minute.
  io::Task<> wait_for_change() {
    co_await io::with_timeout(loop, 1min, "a change", source.wait(loop));
    CHECK(source.refresh());
  }

  std::string pods() const {
    std::vector<std::string> names;
    for (const auto& [key, pod] : source.objects().pods) {
      names.push_back(key.second);
    }
    return fmt::format("{}", fmt::join(names, " "));
  }
  // has_problem finds one that holds `words`.
  bool has_problem(const std::string& words) const {
    return std::ranges::any_of(source.problems(), [&](const auto& problem) {
      return problem.sentence.find(words) != std::string::npos;
    });
  }

  io::SimLoop& loop;
  Rng rng{1};
  ApiServer server{loop};
  kube::Client client;
  mesh::KubernetesSource source{loop, rng, client, "10.96.0.1:443"};
  io::Scope scope{loop, io::Scope::OnFailure::ignore};
};

sim::Scenario following(io::Task<> (*prepare_and_play)(Follower&)) {
  return [prepare_and_play](io::SimLoop& loop) {
    return [](io::SimLoop& on, io::Task<> (*body)(Follower&)) -> io::Task<> {
      Follower follower(on);
      follower.scope.spawn(follower.source.run());
      auto result = co_await io::as_result(body(follower));
      follower.scope.cancel();
      (void)co_await io::as_result(follower.scope.join());
      co_await follower.server.close();
      co_await std::move(result);
    }(loop, prepare_and_play);
  };
}

void follow(io::Task<> (*body)(Follower&)) {
  for (const auto& problem : sim::run_to_end(following(body), 8).problems) {
    FAIL_CHECK(problem);
  }
}

TEST_CASE("a cluster is whole once every kind was listed, and its pods are in the mesh then") {
  follow([](Follower& follower) -> io::Task<> {
    follower.server.answers_at[kPolicies] = {refuse(503), items({policy("DENY", 1)})};
    CHECK_FALSE(follower.source.complete());
    co_await follower.until([&] { return follower.has_problem("503"); });
    CHECK_FALSE(follower.source.complete());
    CHECK(follower.source.description() ==
          "the Kubernetes API at 10.96.0.1:443; not read yet: authorizationpolicies");
    (void)follower.source.refresh();
    co_await follower.wait_for_change();
    co_await follower.until_complete();
    co_await follower.until([&] { return follower.source.problems().empty(); });
    CHECK(follower.source.description() == "the Kubernetes API at 10.96.0.1:443");
    const auto translation = mesh::translate(follower.source.objects(), {.node = "n1"}, {});
    CHECK(translation.mesh.pods.size() == 1);
    CHECK(translation.mesh.local_pod("uid-cart") != nullptr);
    CHECK(translation.mesh.authorizations.contains("shop/p"));
  });
}

TEST_CASE("kinds whose CRDs are not installed are not waited for, and said") {
  follow([](Follower& follower) -> io::Task<> {
    for (const char* path : kWithCrds) {
      follower.server.answers_at[path] = {refuse(404)};
    }
    co_await follower.until_complete();
    CHECK(follower.source.problems().empty());
    CHECK(follower.source.description() ==
          "the Kubernetes API at 10.96.0.1:443; not installed: authorizationpolicies of "
          "security.istio.io/v1, peerauthentications of security.istio.io/v1, gateways of "
          "gateway.networking.k8s.io/v1");
    // The user installs them.
    follower.server.answers_at[kPolicies] = {items({policy("DENY", 1)})};
    co_await follower.until(
        [&] { return follower.source.objects().authorization_policies.size() == 1; });
    CHECK(follower.source.description().find("authorizationpolicies") == std::string::npos);
  });
}

TEST_CASE("a server that does not know pods is none: the mesh is not whole, and says so") {
  follow([](Follower& follower) -> io::Task<> {
    follower.server.answers_at[kPods] = {};
    for (int i = 0; i < 20; ++i) {
      follower.server.answers_at[kPods].push_back(refuse(404));
    }
    co_await follower.until([&] { return follower.has_problem("GET /api/v1/pods: 404"); });
    co_await follower.loop.sleep(1min);
    CHECK_FALSE(follower.source.complete());
    CHECK(follower.source.description().ends_with("; not read yet: pods"));
    follower.server.answers_at[kPods] = {items({shop_pod("cart", 1)})};
    co_await follower.until_complete();
  });
}

TEST_CASE("a server that no longer knows pods takes none away") {
  follow([](Follower& follower) -> io::Task<> {
    co_await follower.until_complete();
    for (int i = 0; i < 20; ++i) {
      follower.server.answers_at[kPods].push_back(refuse(404));
    }
    follower.server.cut();
    co_await follower.loop.sleep(2min);
    CHECK(follower.has_problem("404"));
    CHECK(follower.pods() == "cart");
    CHECK(follower.source.complete());
  });
}

TEST_CASE("a kind that the agent may not read is missing, and its right is named") {
  follow([](Follower& follower) -> io::Task<> {
    const Answer forbidden{
        .status = 403,
        .body = R"({"kind":"Status","reason":"Forbidden","message":"peerauthentications.security)"
                R"(.istio.io is forbidden: User \"a\" cannot list it"})"};
    follower.server.answers_at[kPeers] = {forbidden, forbidden, forbidden, forbidden};
    co_await follower.until([&] { return follower.has_problem("User \"a\" cannot list it"); });
    CHECK_FALSE(follower.source.complete());
    CHECK(follower.source.description().ends_with("; not read yet: peerauthentications"));
    follower.server.answers_at[kPeers].push_back(items({}));
    co_await follower.until_complete();
    CHECK(follower.source.problems().empty());
  });
}

TEST_CASE("what comes, changes and goes is told, and what changes nothing is not") {
  follow([](Follower& follower) -> io::Task<> {
    follower.server.answers_at[kPods].push_back(watch(change("ADDED", shop_pod("pay", 6))));
    co_await follower.until([&] { return follower.pods() == "cart pay"; });
    co_await follower.until_complete();
    follower.server.answers_at[kPods] = {watch(change("MODIFIED", shop_pod("pay", 7, "10.0.0.9")) +
                                               change("DELETED", shop_pod("cart", 8)))};
    follower.server.cut();
    co_await follower.until([&] { return follower.pods() == "pay"; });
    CHECK(to_string(follower.source.objects().pods.at({"shop", "pay"}).ips.at(0)) == "10.0.0.9");
    co_await follower.until([&] { return follower.source.problems().empty(); });
    (void)follower.source.refresh();
    // Another resourceVersion alone is nothing new.
    follower.server.answers_at[kPods] = {
        watch(change("MODIFIED", shop_pod("pay", 9, "10.0.0.9")), Answer::End::end), watch("")};
    follower.server.cut();
    co_await follower.until([&] { return follower.server.answers_at[kPods].empty(); });
    co_await follower.until([&] { return follower.source.problems().empty(); });
    CHECK(follower.pods() == "pay");
  });
}

TEST_CASE("a namespace's label that changes is in the next translation") {
  follow([](Follower& follower) -> io::Task<> {
    co_await follower.until_complete();
    follower.server.answers_at[kNamespaces] = {watch(change("MODIFIED", shop_namespace("none")))};
    follower.server.cut();
    co_await follower.until([&] {
      return mesh::translate(follower.source.objects(), {.node = "n1"}, {}).mesh.pods.empty();
    });
  });
}

TEST_CASE("a list that replaces an expired watch takes away what went unseen") {
  follow([](Follower& follower) -> io::Task<> {
    follower.server.answers_at[kPods] = {
        items({shop_pod("cart", 1), shop_pod("old", 2)}), watch(status_event(410)),
        items({shop_pod("cart", 1), shop_pod("new", 9)}), watch("")};
    co_await follower.until([&] { return follower.pods() == "cart new"; });
    CHECK(follower.source.objects().namespaces.size() == 1);
  });
}

TEST_CASE("while the server is away the mesh stays, and why it is not fresh is told once") {
  follow([](Follower& follower) -> io::Task<> {
    co_await follower.until_complete();
    follower.server.reachable = false;
    follower.server.cut();
    co_await follower.wait_for_change();
    co_await follower.loop.sleep(3h);
    CHECK(follower.source.complete());
    CHECK(follower.pods() == "cart");
    CHECK(follower.source.problems().size() == 1);
    CHECK(follower.has_problem("connect: refused"));
    // Hours of the same trouble are no news: each would be a translation of the whole mesh.
    (void)follower.source.refresh();
    co_await follower.loop.sleep(1h);
    CHECK_FALSE(follower.source.refresh());
    follower.server.reachable = true;
    follower.server.answers_at[kPods] = {watch(change("ADDED", shop_pod("pay", 6)))};
    co_await follower.until([&] { return follower.pods() == "cart pay"; });
    co_await follower.until([&] { return follower.source.problems().empty(); });
  });
}

TEST_CASE("an object that can't be read is named, and the others of its list are taken") {
  follow([](Follower& follower) -> io::Task<> {
    follower.server.answers_at[kPods] = {items({shop_pod("bad", 1, "here"), shop_pod("cart", 2)}),
                                         watch("")};
    follower.server.answers_at[kPolicies] = {items({policy("REFUSE", 1)})};
    co_await follower.until_complete();
    CHECK(follower.pods() == "cart");
    CHECK(follower.has_problem("Pod shop/bad: status.podIPs: "));
    CHECK(follower.has_problem("AuthorizationPolicy shop/p: "));
    for (const auto& problem : follower.source.problems()) {
      CHECK_FALSE(problem.object.empty());
    }
    follower.server.answers_at[kPods] = {watch(change("MODIFIED", shop_pod("bad", 6)))};
    follower.server.cut();
    co_await follower.until([&] { return follower.pods() == "bad cart"; });
    CHECK_FALSE(follower.has_problem("Pod shop/bad"));
  });
}

TEST_CASE("all kinds share one connection, and service accounts are not read") {
  follow([](Follower& follower) -> io::Task<> {
    co_await follower.until_complete();
    CHECK(follower.server.dials == 1);
    for (const auto& request : follower.server.requests) {
      CHECK(request.find("serviceaccounts") == std::string::npos);
    }
  });
}

TEST_CASE("a source ends cleanly wherever it is cancelled") {
  const auto scenario = following([](Follower& follower) -> io::Task<> {
    follower.server.answers_at[kPolicies] = {refuse(404)};
    follower.server.answers_at[kPods] = {items({}), watch(change("ADDED", shop_pod("pay", 6)))};
    co_await follower.wait_for_change();
    co_await follower.until([&] { return follower.source.complete() && follower.pods() == "pay"; });
  });
  for (const auto& problem : sim::cancel_everywhere(scenario).problems) {
    FAIL_CHECK(problem);
  }
}

}  // namespace
}  // namespace culvert::protocol
