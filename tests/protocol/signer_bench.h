// Replicas of culvert-signer before a small API server, in virtual time, and what their world has:
// agents that ask, pods that run.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "agent/signer/signing.h"
#include "tests/protocol/kube_cluster.h"
#include "tests/protocol/log_lines.h"
#include "tests/support/peers/intermediate.h"
#include "tests/support/sim.h"
#include "ztunnel/lib/base/base64.h"
#include "ztunnel/lib/tls/certificate.h"
#include "ztunnel/lib/tls/chain.h"
#include "ztunnel/lib/tls/key.h"

namespace culvert::protocol {

using namespace std::chrono_literals;

inline constexpr const char* kRequestsPath =
    "/apis/certificates.k8s.io/v1/certificatesigningrequests";
inline constexpr const char* kSecretsPath = "/api/v1/namespaces/culvert-system/secrets";
inline constexpr const char* kRootsPath =
    "/api/v1/namespaces/culvert-system/configmaps/culvert-ca-roots";
inline constexpr const char* kAgent = "system:serviceaccount:culvert-system:culvert-agent";
inline const SpiffeId kCart{"cluster.local", "shop", "cart"};

// text_at gives the text at a pointer such as "/status/certificate", "" where there is none.
inline std::string text_at(const Json& object, const std::string& pointer) {
  const Json::json_pointer place(pointer);
  return object.contains(place) ? object.at(place).get<std::string>() : std::string();
}

inline std::string in_base64(std::string_view text) {
  return to_base64(as_bytes(text));
}

// What an agent asks for; each test changes what it is about.
struct Ask {
  std::string name = "one";
  SpiffeId id = kCart;
  std::string node = "node-1";  // the server's stamp; empty for none
  std::string user = kAgent;
  std::string signer = signer::kSignerName;
  std::vector<std::string> usages = {"digital signature", "client auth", "server auth"};
  std::string csr = {};  // instead of a good one
  int seconds = 3600;
};

inline Json request_object(const Ask& ask) {
  const auto csr = ask.csr.empty() ? *tls::make_csr(*tls::generate_key(), ask.id) : ask.csr;
  Json spec = {{"request", in_base64(csr)},
               {"signerName", ask.signer},
               {"usages", ask.usages},
               {"expirationSeconds", ask.seconds},
               {"username", ask.user}};
  if (!ask.node.empty()) {
    spec["extra"]["authentication.kubernetes.io/node-name"] = Json::array({ask.node});
  }
  return {{"apiVersion", "certificates.k8s.io/v1"},
          {"kind", "CertificateSigningRequest"},
          {"metadata", {{"name", ask.name}}},
          {"spec", std::move(spec)}};
}

inline Json secret_object(const tls::AuthorityParts& parts) {
  return {{"apiVersion", "v1"},
          {"kind", "Secret"},
          {"data",
           {{"ca-cert.pem", in_base64(parts.certificate)},
            {"ca-key.pem", in_base64(parts.key)},
            {"cert-chain.pem", in_base64(parts.chain)},
            {"root-cert.pem", in_base64(parts.roots)}}}};
}

struct SignerBench {
  struct Replica {
    Replica(SignerBench& bench, std::uint64_t seed)
        : rng(seed),
          client(bench.loop, rng, [&bench] { return bench.cluster.dial(); }, {}),
          events(bench.loop, client, bench.clock()),
          keeper(bench.loop, rng, client, events,
                 {.in_namespace = "culvert-system",
                  .trust_domain = "cluster.local",
                  .overlap = bench.overlap,
                  .clock = bench.clock()}),
          signing(bench.loop, rng, client, keeper, events, metrics,
                  {.trust_domain = "cluster.local", .agent = kAgent, .lifetime_max = 24h},
                  bench.clock()) {
      bench.scope.spawn(client.run());
      bench.scope.spawn(keeper.run());
      bench.scope.spawn(signing.run());
    }
    Rng rng;
    obs::Metrics metrics{"signer", "test"};
    kube::Client client;
    signer::Events events;
    signer::AuthorityKeeper keeper;
    signer::Signing signing;
  };

  explicit SignerBench(io::SimLoop& on) : loop(on) {}

  signer::Events::Clock clock() {
    return [this] { return now(); };
  }
  std::chrono::system_clock::time_point now() const {
    return epoch + std::chrono::duration_cast<std::chrono::system_clock::duration>(
                       loop.now().time_since_epoch());
  }
  void start(int replicas = 1) {
    for (int i = 0; i < replicas; ++i) {
      running.push_back(std::make_unique<Replica>(*this, 11 + static_cast<std::uint64_t>(i)));
    }
  }
  void run_pod(const std::string& name, const std::string& node, const char* phase = "Running") {
    cluster.put("/api/v1/namespaces/shop/pods/" + name,
                {{"spec", {{"nodeName", node}, {"serviceAccountName", "cart"}}},
                 {"status", {{"phase", phase}}}});
  }
  void ask(const Ask& what) {
    cluster.put(kRequestsPath + ("/" + what.name), request_object(what));
  }
  Json request(const std::string& name = "one") const {
    return cluster.object(kRequestsPath + ("/" + name));
  }
  // condition gives "Denied: the sentence" of the last condition, "" for none.
  std::string condition(const std::string& name = "one") const {
    const Json object = request(name);
    const Json::json_pointer place("/status/conditions");
    if (!object.contains(place)) {
      return "";
    }
    const Json& last = object.at(place).back();
    return text_at(last, "/type") + ": " + text_at(last, "/message");
  }
  std::string certificate(const std::string& name = "one") const {
    return *from_base64(text_at(request(name), "/status/certificate"));
  }
  std::string roots() const { return text_at(cluster.object(kRootsPath), "/data/root-cert.pem"); }
  Json secret(const std::string& name) const { return cluster.object(kSecretsPath + ("/" + name)); }
  void give(const std::string& name, const tls::AuthorityParts& parts) {
    cluster.put(kSecretsPath + ("/" + name), secret_object(parts));
  }
  // events gives the sentences of all Events, a line each.
  std::string events() const {
    std::string sentences;
    for (const auto& event : cluster.under("/api/v1/namespaces/")) {
      if (text_at(event, "/kind") == "Event") {
        sentences += text_at(event, "/message") + "\n";
      }
    }
    return sentences;
  }
  // new_certificate asks for a new certificate and gives it with its chain; "" if none comes in
  // time.
  io::Task<std::string> new_certificate(int seconds = 3600) {
    const std::string name = "n-" + std::to_string(++asked);
    ask({.name = name, .seconds = seconds});
    for (int i = 0; i < 70 && certificate(name).empty(); ++i) {
      co_await loop.sleep(100ms);
    }
    co_return certificate(name);
  }
  template <class Condition>
  io::Task<> until(Condition condition, io::Duration limit = 60s) {
    const auto end = loop.now() + limit;
    while (!condition()) {
      if (loop.now() >= end) {
        co_await fail(Errc::timed_out, "what should happen did not; the log says:\n" + log.all());
      }
      co_await loop.sleep(50ms);
    }
  }
  io::Task<> close() {
    scope.cancel();
    (void)co_await io::as_result(scope.join());
    co_await cluster.close();
  }

  static inline const auto epoch = std::chrono::system_clock::time_point(
      std::chrono::sys_days(std::chrono::year(2026) / 11 / 25));

  io::SimLoop& loop;
  LogLines log;
  KubeCluster cluster{loop, clock()};
  std::chrono::seconds overlap = signer::kDefaultOverlap;
  int asked = 0;
  io::Scope scope{loop, io::Scope::OnFailure::ignore};
  std::vector<std::unique_ptr<Replica>> running;
};

// scenario plays `body` in a bench; play does so and expects no problem.
inline sim::Scenario signer_scenario(io::Task<> (*body)(SignerBench&)) {
  return [body](io::SimLoop& loop) {
    return [](io::SimLoop& on, io::Task<> (*run)(SignerBench&)) -> io::Task<> {
      SignerBench bench(on);
      auto result = co_await io::as_result(run(bench));
      co_await bench.close();
      co_await std::move(result);
    }(loop, body);
  };
}

inline void play(io::Task<> (*body)(SignerBench&)) {
  for (const auto& problem : sim::run_seed(signer_scenario(body), 7).problems) {
    FAIL_CHECK(problem);
  }
}

}  // namespace culvert::protocol
