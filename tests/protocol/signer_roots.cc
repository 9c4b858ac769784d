// The signer's CA: where it comes from, how another one succeeds it with nobody distrusting
// anybody, and what happens to Secrets that are none.
// SPDX-License-Identifier: Apache-2.0
#include "tests/protocol/signer_bench.h"

namespace culvert::protocol {
namespace {

tls::CertificateAuthority new_root(std::chrono::system_clock::time_point now) {
  return std::move(*tls::CertificateAuthority::create("test", now));
}

// An authority under `root` that is valid at the bench's time.
tls::AuthorityParts intermediate(const SignerBench& bench, const tls::CertificateAuthority& root) {
  return make_intermediate(root,
                           {.not_before = bench.now() - 1h, .not_after = bench.now() + 24h * 365});
}

bool leads_to(const std::string& chain, const std::string& roots, const SignerBench& bench) {
  return tls::verify_leaf(chain, chain, roots, bench.now()).has_value();
}

TEST_CASE("replicas that start at once make one root, whatever the order") {
  static std::size_t races = 0;
  const auto report = sim::run_to_end(
      signer_scenario([](SignerBench& bench) -> io::Task<> {
        bench.start(3);
        bench.run_pod("cart-1", "node-1");
        co_await bench.until([&] {
          return std::ranges::all_of(bench.running, [](const auto& replica) {
            return replica->keeper.current() != nullptr;
          });
        });
        races += bench.cluster.count("POST " + std::string(kSecretsPath)) > 2 ? 1 : 0;
        for (const auto& replica : bench.running) {
          CHECK(replica->keeper.current()->root_pem() == bench.roots());
        }
        CHECK(bench.secret("culvert-ca")["data"]["root-cert.pem"] == in_base64(bench.roots()));
        CHECK(leads_to(co_await bench.new_certificate(), bench.roots(), bench));
        CHECK(bench.log.with("warn") == 0);
      }),
      20);
  for (const auto& problem : report.problems) {
    FAIL_CHECK(problem);
  }
  CHECK(races > 0);
}

TEST_CASE("a given CA goes before our own, which is not even made") {
  play([](SignerBench& bench) -> io::Task<> {
    const auto root = new_root(bench.now());
    const auto given = intermediate(bench, root);
    bench.give("cacerts", given);
    bench.start(2);
    bench.run_pod("cart-1", "node-1");
    const auto chain = co_await bench.new_certificate();
    CHECK(leads_to(chain, root.root_pem(), bench));
    CHECK(tls::certificate_facts(chain)->size() == 2);  // leaf and intermediate
    CHECK(bench.roots() == root.root_pem());
    CHECK(bench.secret("culvert-ca").is_null());
  });
}

TEST_CASE("another intermediate of the same root signs at once") {
  play([](SignerBench& bench) -> io::Task<> {
    const auto root = new_root(bench.now());
    bench.give("cacerts", intermediate(bench, root));
    bench.start(2);
    bench.run_pod("cart-1", "node-1");
    (void)co_await bench.new_certificate();
    const auto next = intermediate(bench, root);
    bench.give("cacerts", next);
    co_await bench.loop.sleep(12s);
    const auto chain = co_await bench.new_certificate();
    CHECK(chain.contains(next.certificate));
    CHECK(bench.roots() == root.root_pem());
  });
}

// One certificate as its workload got it.
struct Issued {
  std::chrono::system_clock::time_point at;
  std::string chain;
  std::string roots;
};

TEST_CASE("from one root to the next, no two living certificates distrust each other") {
  play([](SignerBench& bench) -> io::Task<> {
    constexpr auto kLife = 10min;  // of each certificate; 50 seconds from one to the next
    bench.overlap = 610s;
    bench.start(2);
    bench.run_pod("cart-1", "node-1");
    co_await bench.loop.sleep(1s);
    const auto second = new_root(bench.now());
    std::vector<Issued> living;
    int of_second = 0;
    int pairs = 0;
    for (int round = 0; round < 40; ++round) {
      if (round == 6) {
        bench.give("cacerts", intermediate(bench, second));
      }
      const auto chain = co_await bench.new_certificate(600);
      CHECK(!chain.empty());
      living.push_back({bench.now(), chain, bench.roots()});
      std::erase_if(living, [&](const Issued& each) { return each.at + kLife <= bench.now(); });
      for (const auto& peer : living) {
        CHECK(leads_to(chain, peer.roots, bench));
        CHECK(leads_to(peer.chain, living.back().roots, bench));
        ++pairs;
      }
      of_second += leads_to(chain, second.root_pem(), bench) ? 1 : 0;
      co_await bench.loop.sleep(50s);
    }
    CHECK(pairs > 380);
    CHECK(of_second >= 20);  // from a quarter of an hour on
    CHECK(of_second <= 22);
    CHECK(bench.roots() == second.root_pem());  // the first one is forgotten
  });
}

TEST_CASE("our own root is succeeded by another when its Secret is deleted") {
  play([](SignerBench& bench) -> io::Task<> {
    bench.overlap = 60s;
    bench.start(2);
    bench.run_pod("cart-1", "node-1");
    co_await bench.loop.sleep(1s);
    const std::string first = bench.roots();
    bench.cluster.remove(kSecretsPath + std::string("/culvert-ca"));
    co_await bench.loop.sleep(30s);
    CHECK(leads_to(co_await bench.new_certificate(), first, bench));
    CHECK(tls::certificate_facts(bench.roots())->size() == 2);
    co_await bench.loop.sleep(60s);
    CHECK(!leads_to(co_await bench.new_certificate(), first, bench));
    co_await bench.loop.sleep(70s);
    CHECK(tls::certificate_facts(bench.roots())->size() == 1);
  });
}

TEST_CASE("a given CA whose Secret is deleted goes on signing") {
  play([](SignerBench& bench) -> io::Task<> {
    bench.overlap = 10s;
    const auto root = new_root(bench.now());
    bench.give("cacerts", intermediate(bench, root));
    bench.start();
    bench.run_pod("cart-1", "node-1");
    (void)co_await bench.new_certificate();
    bench.cluster.remove(kSecretsPath + std::string("/cacerts"));
    co_await bench.loop.sleep(2min);
    CHECK(leads_to(co_await bench.new_certificate(), root.root_pem(), bench));
    CHECK(bench.secret("culvert-ca").is_null());
    CHECK(bench.events().starts_with("the Secret culvert-system/cacerts is gone"));
    // A replica that starts now knows it as well.
    bench.start();
    co_await bench.until([&] { return bench.running.back()->keeper.current() != nullptr; });
    CHECK(bench.running.back()->keeper.current()->root_pem() == root.root_pem());
  });
}

struct Unusable {
  const char* title;
  void (*spoil)(SignerBench& bench, const tls::CertificateAuthority& root,
                tls::AuthorityParts& parts);
  const char* sentence;
};

TEST_CASE("a Secret that can't be used is told by one Event on it, and what is in force signs on") {
  static const Unusable rows[] = {
      {"no key",
       [](SignerBench&, const tls::CertificateAuthority&, tls::AuthorityParts& p) { p.key = ""; },
       "it has no ca-key.pem"},
      {"another key",
       [](SignerBench&, const tls::CertificateAuthority&, tls::AuthorityParts& p) {
         p.key = *tls::generate_key();
       },
       "the key is not the certificate's"},
      {"garbage",
       [](SignerBench&, const tls::CertificateAuthority&, tls::AuthorityParts& p) {
         p.certificate = "no PEM";
       },
       "no certificate in PEM text"},
      {"an expired intermediate",
       [](SignerBench& bench, const tls::CertificateAuthority& root, tls::AuthorityParts& p) {
         p = make_intermediate(root,
                               {.not_before = bench.now() - 2h, .not_after = bench.now() - 1h});
       },
       "certificate has expired"},
      {"a foreign intermediate",
       [](SignerBench& bench, const tls::CertificateAuthority&, tls::AuthorityParts& p) {
         p = intermediate(bench, new_root(bench.now()));
         p.roots = new_root(bench.now()).root_pem();
       },
       "unable to get local issuer certificate"},
      {"no CA",
       [](SignerBench& bench, const tls::CertificateAuthority& root, tls::AuthorityParts& p) {
         p = make_intermediate(root, {.not_before = bench.now() - 1h,
                                      .not_after = bench.now() + 24h * 365,
                                      .is_ca = false});
       },
       "invalid CA certificate"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.title);
    static const Unusable* now;
    now = &row;
    play([](SignerBench& bench) -> io::Task<> {
      const auto root = new_root(bench.now());
      auto parts = intermediate(bench, root);
      bench.give("cacerts", parts);
      bench.start(2);
      bench.run_pod("cart-1", "node-1");
      (void)co_await bench.new_certificate();
      now->spoil(bench, root, parts);
      bench.give("cacerts", parts);
      co_await bench.loop.sleep(5min);
      CHECK(leads_to(co_await bench.new_certificate(), root.root_pem(), bench));
      CHECK(bench.roots() == root.root_pem());
      CHECK(
          bench.events().starts_with("the Secret culvert-system/cacerts can't be used as a CA: "));
      CHECK(bench.events().contains(now->sentence));
      CHECK(std::ranges::count(bench.events(), '\n') == 1);
      CHECK(bench.log.with("can't be used as a CA") == 2);  // one line a replica
    });
  }
}

TEST_CASE("with an unusable CA and none in force nobody signs, and the probe says why") {
  play([](SignerBench& bench) -> io::Task<> {
    auto parts = intermediate(bench, new_root(bench.now()));
    parts.key = "";
    bench.give("cacerts", parts);
    bench.start();
    bench.run_pod("cart-1", "node-1");
    CHECK((co_await bench.new_certificate()).empty());
    CHECK(bench.running[0]->keeper.problem().contains("it has no ca-key.pem"));
    CHECK(bench.secret("culvert-ca").is_null());
    bench.give("cacerts", intermediate(bench, new_root(bench.now())));
    co_await bench.until([&] { return !bench.certificate("n-1").empty(); }, 12s);
    CHECK(bench.running[0]->keeper.problem().empty());
  });
}

TEST_CASE("a replica that can't see which CA is in force does not sign") {
  play([](SignerBench& bench) -> io::Task<> {
    bench.start();
    bench.run_pod("cart-1", "node-1");
    (void)co_await bench.new_certificate();
    bench.cluster.fault = [](const std::string& request) -> std::optional<int> {
      return request.contains("/secrets/") ? std::optional(403) : std::nullopt;
    };
    co_await bench.loop.sleep(61s);
    CHECK((co_await bench.new_certificate()).empty());
    CHECK(bench.running[0]->keeper.problem().contains("403"));
  });
}

}  // namespace
}  // namespace culvert::protocol
