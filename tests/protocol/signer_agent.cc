// The agent's side of culvert-signer: a request is made, watched, and its certificate taken with
// the roots that are published; and what the agent says where there is none.
// SPDX-License-Identifier: Apache-2.0
#include "agent/mesh/kubernetes_ca.h"
#include "tests/protocol/signer_bench.h"
#include "ztunnel/lib/control/certificate_store.h"

namespace culvert::protocol {
namespace {

// The agent of node-1.
struct Agent {
  explicit Agent(SignerBench& on) : bench(on) {
    bench.cluster.admit = [](Json& object) {
      if (object.value("kind", "") == "CertificateSigningRequest") {
        object["spec"]["username"] = kAgent;
        object["spec"]["extra"]["authentication.kubernetes.io/node-name"] = Json::array({"node-1"});
      }
    };
    bench.scope.spawn(client.run());
  }
  io::Task<control::SignedChain> sign(std::chrono::seconds lifetime = 24h) {
    return ca.sign(*tls::make_csr(*tls::generate_key(), kCart), kCart, lifetime);
  }

  SignerBench& bench;
  Rng rng{3};
  kube::Client client{bench.loop, rng, [this] { return bench.cluster.dial(); }, {}};
  mesh::KubernetesCa ca{bench.loop, rng, client, {.clock = bench.clock()}};
};

// with_agent plays `body` in a bench with an agent and so many signers.
sim::Scenario with_agent(int signers, io::Task<> (*body)(Agent&)) {
  return [signers, body](io::SimLoop& loop) {
    return [](io::SimLoop& on, int count, io::Task<> (*run)(Agent&)) -> io::Task<> {
      SignerBench bench(on);
      Agent agent(bench);
      bench.start(count);
      bench.run_pod("cart-1", "node-1");
      auto result = co_await io::as_result(run(agent));
      co_await bench.close();
      co_await std::move(result);
    }(loop, signers, body);
  };
}

void play(int signers, io::Task<> (*body)(Agent&)) {
  for (const auto& problem : sim::run_seed(with_agent(signers, body), 7).problems) {
    FAIL_CHECK(problem);
  }
}

TEST_CASE("a certificate comes with its chain and with all roots that are published") {
  play(2, [](Agent& agent) -> io::Task<> {
    const auto root = tls::CertificateAuthority::create("test", agent.bench.now());
    auto given = make_intermediate(
        *root, {.not_before = agent.bench.now() - 1h, .not_after = agent.bench.now() + 24h * 365});
    given.roots += tls::CertificateAuthority::create("next", agent.bench.now())->root_pem();
    agent.bench.give("cacerts", given);
    const auto chain = co_await agent.sign(60s);
    CHECK(chain.chain.size() == 2);
    CHECK(chain.roots == agent.bench.roots());
    CHECK(tls::certificate_facts(chain.roots)->size() == 2);
    const auto requests = agent.bench.cluster.under(kRequestsPath);
    CHECK(requests.size() == 1);
    CHECK(requests.front()["spec"]["expirationSeconds"] == 600);  // the API server's least
  });
}

TEST_CASE("a refusal reaches the workload's node with the signer's words") {
  play(1, [](Agent& agent) -> io::Task<> {
    agent.bench.cluster.remove("/api/v1/namespaces/shop/pods/cart-1");
    const auto refused = co_await io::as_result(agent.sign());
    CHECK(!refused);
    CHECK(refused.error().code == Errc::denied);
    CHECK(to_string(refused.error()).contains("no pod of the service account shop/cart runs on"));
  });
}

TEST_CASE("a signer that says nothing is not waited for as long as ztunnel waits") {
  play(0, [](Agent& agent) -> io::Task<> {
    const auto begun = agent.bench.loop.now();
    const auto late = co_await io::as_result(agent.sign());
    CHECK(late.error().code == Errc::timed_out);
    CHECK(to_string(late.error()).contains("culvert-signer"));
    CHECK(agent.bench.loop.now() - begun <= 7100ms);
  });
}

// Answers in the place of a signer, as soon as there is a request.
io::Task<> answer(SignerBench& bench, Json status, bool publish) {
  co_await bench.until([&] { return !bench.cluster.under(kRequestsPath).empty(); });
  if (publish) {
    bench.cluster.put(kRootsPath, {{"data", {{"root-cert.pem", "no PEM"}}}});
  }
  auto object = bench.cluster.under(kRequestsPath).front();
  object["status"] = std::move(status);
  const auto name = object["metadata"]["name"].get<std::string>();
  bench.cluster.put(kRequestsPath + ("/" + name), std::move(object));
}

struct BadAnswer {
  const char* title;
  Json status;
  bool publish;
  const char* sentence;
};

TEST_CASE("an answer that can't be used is said to be so") {
  const auto root = tls::CertificateAuthority::create("test", SignerBench::epoch)->root_pem();
  const BadAnswer rows[] = {
      {"no base64", {{"certificate", "-"}}, true, "is no base64"},
      {"no PEM", {{"certificate", in_base64("x")}}, true, "no certificate in PEM text"},
      {"no roots", {{"certificate", in_base64(root)}}, false, "404"},
      {"bad roots", {{"certificate", in_base64(root)}}, true, "the roots that it publishes"},
      {"failed", Json::parse(R"({"conditions": [{"type": "Failed", "message": "so"}]})"), true,
       "refuses: so"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.title);
    static const BadAnswer* now;
    now = &row;
    play(0, [](Agent& agent) -> io::Task<> {
      agent.bench.scope.spawn(answer(agent.bench, now->status, now->publish));
      const auto got = co_await io::as_result(agent.sign());
      CHECK(!got);
      CHECK_MESSAGE(to_string(got.error()).contains(now->sentence), to_string(got.error()));
    });
  }
}

TEST_CASE("a certificate that falls due while the API server is away is renewed within 30 s") {
  for (const std::uint64_t seed : {1, 2, 3, 4, 5, 6, 7, 8}) {
    const auto report = sim::run_seed(
        with_agent(2,
                   [](Agent& agent) -> io::Task<> {
                     auto& bench = agent.bench;
                     std::size_t renewed = 0;
                     control::CertificateStore store(
                         bench.loop, agent.rng,
                         [&agent](std::string csr, SpiffeId id) {
                           return agent.ca.sign(std::move(csr), std::move(id), 20min);
                         },
                         {.on_renewed = [&](const SpiffeId&,
                                            const tls::WorkloadIdentityPtr&) { ++renewed; },
                          .now = bench.clock()});
                     auto first = co_await io::as_result(store.get(kCart));
                     CHECK(first);
                     co_await bench.loop.sleep(6min);  // it is renewed at 9 min, give or take one
                     bench.cluster.leave();
                     co_await bench.loop.sleep(5min);
                     CHECK(renewed == 0);
                     CHECK(!store.states().front().failure.empty());
                     bench.cluster.reachable = true;
                     auto in_time =
                         co_await io::as_result(bench.until([&] { return renewed == 1; }, 30s));
                     (void)co_await io::as_result(store.stop());
                     co_await std::move(in_time);
                   }),
        seed);
    for (const auto& problem : report.problems) {
      FAIL_CHECK(problem);
    }
  }
}

TEST_CASE("an agent can give up at any moment") {
  const auto report = sim::cancel_everywhere(
      with_agent(1, [](Agent& agent) -> io::Task<> { (void)co_await agent.sign(); }));
  for (const auto& problem : report.problems) {
    FAIL_CHECK(problem);
  }
}

}  // namespace
}  // namespace culvert::protocol
