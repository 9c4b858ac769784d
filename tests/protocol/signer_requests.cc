// Requests before the signer: what is signed, what is refused and with which words, and what
// happens when two replicas, or nobody, answers.
// SPDX-License-Identifier: Apache-2.0
#include "tests/protocol/signer_bench.h"

namespace culvert::protocol {
namespace {

TEST_CASE("an agent gets the certificate of a pod of its node") {
  play([](SignerBench& bench) -> io::Task<> {
    bench.start();
    bench.run_pod("cart-1", "node-1", "Pending");
    bench.ask({.seconds = 1200});
    co_await bench.until([&] { return !bench.certificate().empty(); });
    CHECK(bench.condition() ==
          "Approved: a pod of the service account shop/cart runs on the node node-1");
    const auto leaf = tls::certificate_facts(bench.certificate());
    CHECK(leaf);
    CHECK(leaf->front().not_after <= bench.now() + 1200s);
    CHECK(leaf->front().not_after > bench.now() + 1100s);
    CHECK(tls::verify_leaf(bench.certificate(), "", bench.roots(), bench.now()));
    CHECK(bench.cluster.count("GET /api/v1/namespaces/shop/pods?fieldSelector=spec.nodeName%3D"
                              "node-1%2Cspec.serviceAccountName%3Dcart%2Cstatus.phase%21%3D"
                              "Succeeded%2Cstatus.phase%21%3DFailed&limit=1") == 1);
    CHECK(bench.events().empty());
  });
}

struct Refusal {
  const char* title;
  Ask ask;
  const char* sentence;
};

TEST_CASE("who may not have a certificate is told why, in the request and by one Event") {
  static const Refusal rows[] = {
      {"another node",
       {.node = "node-2"},
       "no pod of the service account shop/cart runs on the node node-2"},
      {"another account",
       {.id = {"cluster.local", "shop", "till"}},
       "no pod of the service account"},
      {"another namespace",
       {.id = {"cluster.local", "bank", "cart"}},
       "no pod of the service account"},
      {"another user", {.user = "system:node:node-1"}, "system:node:node-1 asks for"},
      {"no stamp", {.node = ""}, "the API server has not stamped a node"},
      {"another trust domain", {.id = {"other", "shop", "cart"}}, "is of another trust domain"},
      {"another usage", {.usages = {"client auth"}}, "the usages of a workload's certificate are"},
      {"no CSR", {.csr = "nonsense"}, "no certificate request in PEM"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.title);
    static Refusal now;
    now = row;
    play([](SignerBench& bench) -> io::Task<> {
      bench.start(2);
      bench.run_pod("cart-1", "node-1");
      bench.ask(now.ask);
      co_await bench.until([&] { return !bench.condition().empty(); });
      co_await bench.loop.sleep(5s);
      CHECK(bench.condition().starts_with("Denied: "));
      CHECK(bench.condition().contains(now.sentence));
      CHECK(bench.certificate().empty());
      CHECK("Denied: " + bench.events() == bench.condition() + "\n");  // one Event
    });
  }
}

TEST_CASE("pods that have ended vouch for nobody") {
  play([](SignerBench& bench) -> io::Task<> {
    bench.start();
    bench.run_pod("cart-1", "node-1", "Succeeded");
    bench.run_pod("cart-2", "node-1", "Failed");
    bench.run_pod("cart-3", "node-2");
    bench.ask({});
    co_await bench.until([&] { return bench.condition().starts_with("Denied: no pod"); });
  });
}

TEST_CASE("what a person approved is signed if it may be, and fails otherwise") {
  play([](SignerBench& bench) -> io::Task<> {
    bench.start();
    bench.run_pod("cart-1", "node-1");
    for (const auto* node : {"node-1", "node-2"}) {
      auto object = request_object({.name = node, .node = node});
      object["status"]["conditions"] = Json::parse(R"([{"type": "Approved", "status": "True"}])");
      bench.cluster.put(kRequestsPath + ("/" + std::string(node)), object);
    }
    co_await bench.until([&] { return bench.condition("node-2").starts_with("Failed: no pod"); });
    co_await bench.until([&] { return !bench.certificate("node-1").empty(); });
  });
}

TEST_CASE("requests to other signers are left alone") {
  play([](SignerBench& bench) -> io::Task<> {
    bench.start();
    bench.run_pod("cart-1", "node-1");
    bench.ask({.signer = "kubernetes.io/kube-apiserver-client"});
    bench.ask({.name = "two"});
    co_await bench.until([&] { return !bench.certificate("two").empty(); });
    co_await bench.loop.sleep(20min);
    CHECK(bench.condition().empty());
    CHECK(!bench.request().is_null());
  });
}

TEST_CASE("of two replicas one signs, and what was asked for while there was none is signed, too") {
  play([](SignerBench& bench) -> io::Task<> {
    bench.run_pod("cart-1", "node-1");
    for (int i = 0; i < 40; ++i) {
      bench.ask({.name = "before-" + std::to_string(i)});
    }
    bench.start(2);
    co_await bench.until([&] { return !bench.certificate("before-39").empty(); });
    for (int i = 0; i < 40; ++i) {
      bench.ask({.name = "after-" + std::to_string(i)});
    }
    co_await bench.until([&] { return !bench.certificate("after-39").empty(); });
    co_await bench.loop.sleep(1s);
    for (int i = 0; i < 40; ++i) {
      for (const auto* when : {"before-", "after-"}) {
        const auto object = bench.request(when + std::to_string(i));
        CHECK(object["status"]["conditions"].size() == 1);
        CHECK(object["status"].contains("certificate"));
      }
    }
    CHECK(bench.events().empty());
    CHECK(bench.log.with("warn") == 0);  // each other's writes are no failures
  });
}

TEST_CASE("a request that can't be served is served when it can") {
  play([](SignerBench& bench) -> io::Task<> {
    bench.start();
    bench.run_pod("cart-1", "node-1");
    bench.cluster.fault = [](const std::string& request) -> std::optional<int> {
      return request.contains("/pods?") || request.contains("/approval") ? std::optional(500)
                                                                         : std::nullopt;
    };
    bench.ask({});
    co_await bench.loop.sleep(20s);
    CHECK(bench.condition().empty());
    CHECK(bench.cluster.count("GET /api/v1/namespaces/shop/pods") <= 11);
    CHECK(bench.log.with("can't be served now") <= 3);
    bench.cluster.fault = {};
    co_await bench.until([&] { return !bench.certificate().empty(); }, 3s);
  });
}

TEST_CASE("requests are removed when nobody can wait for them any more") {
  play([](SignerBench& bench) -> io::Task<> {
    bench.start(2);
    bench.run_pod("cart-1", "node-1");
    bench.ask({});
    bench.ask({.name = "two", .node = "node-2"});
    co_await bench.loop.sleep(9min);
    CHECK(!bench.request("one").is_null());
    CHECK(!bench.request("two").is_null());
    co_await bench.loop.sleep(2min);
    CHECK(bench.request("one").is_null());
    CHECK(bench.request("two").is_null());
  });
}

TEST_CASE("after three minutes without an API server, requests are signed within fifteen seconds") {
  play([](SignerBench& bench) -> io::Task<> {
    bench.start(2);
    bench.run_pod("cart-1", "node-1");
    CHECK(!(co_await bench.new_certificate()).empty());
    bench.cluster.leave();
    co_await bench.loop.sleep(3min);
    bench.cluster.reachable = true;
    bench.ask({});
    co_await bench.until([&] { return !bench.certificate().empty(); }, 15s);
  });
}

TEST_CASE("a signer can end at any moment") {
  const auto report = sim::cancel_everywhere(signer_scenario([](SignerBench& bench) -> io::Task<> {
    bench.start();
    bench.run_pod("cart-1", "node-1");
    bench.ask({});
    bench.ask({.name = "two", .node = "node-2"});
    co_await bench.until(
        [&] { return !bench.certificate().empty() && !bench.condition("two").empty(); });
  }));
  for (const auto& problem : report.problems) {
    FAIL_CHECK(problem);
  }
}

}  // namespace
}  // namespace culvert::protocol
