// The mesh's CA changes under live traffic: two nodes with real agents and ztunnels, two real
// culvert-signers, and a real API server in which somebody changes the Secret `cacerts`.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include "tests/kube/cluster.h"
#include "tests/support/peers/intermediate.h"
#include "ztunnel/lib/tls/certificate.h"

namespace culvert::lab {
namespace {

using nlohmann::json;

constexpr auto kReady = 60s;
// A leaf lives for a minute and is renewed at its half; a root is known for a minute before it
// signs, and for as long afterwards; both signers look every ten seconds.
constexpr const char* kLeafLife = "1m";
constexpr const char* kRootOverlap = "1m";
constexpr Milliseconds kIntermediateWithin = 90s;
constexpr Milliseconds kRootWithin = 300s;
constexpr int kPodsOfNode = 3;
// 30 pairs of pods, spread over all of it.
constexpr Milliseconds kMeetEvery = 5s;

std::string serial_of(const std::string& pem) {
  return tls::certificate_facts(pem)->front().serial_number;
}

// A CA as a person would give it; the serial numbers are what ztunnel shows of its chain.
struct GivenCa {
  GivenCa(const tls::CertificateAuthority& root, int number)
      : parts(make_intermediate(root, {.not_after = std::chrono::system_clock::now() +
                                                    std::chrono::days(30 + number)})),
        serial(serial_of(parts.certificate)),
        root_serial(serial_of(parts.roots)) {}

  void give(const ApiServer& api) const {
    api.apply(json{{"apiVersion", "v1"},
                   {"kind", "Secret"},
                   {"metadata", {{"name", "cacerts"}, {"namespace", "culvert-system"}}},
                   {"stringData",
                    {{"ca-cert.pem", parts.certificate},
                     {"ca-key.pem", parts.key},
                     {"cert-chain.pem", parts.certificate + parts.roots},
                     {"root-cert.pem", parts.roots}}}}
                  .dump());
  }

  tls::AuthorityParts parts;
  std::string serial;
  std::string root_serial;
};

// What one pod shows to its peers, and whom it believes.
struct Shown {
  std::string identity;
  std::string signer;  // the serial number of the intermediate
  std::set<std::string> roots;
};

class Town {
 public:
  explicit Town(const GivenCa& first)
      : cluster_("kube rotation"), nodes_{&cluster_.node, &cluster_.mesh.node("west")} {
    first.give(cluster_.api);
    cluster_.certify_by_signers(
        2, nodes_, {"--certificate-lifetime", kLeafLife, "--root-overlap", kRootOverlap});
    cluster_.label_namespace("ambient");
    for (Node* node : nodes_) {
      for (int i = 0; i < kPodsOfNode; ++i) {
        add_pod(*node, fmt::format("{}-{}", node->name(), i));
      }
      node->start_agent();
      node->start_ztunnel();
    }
    for (const Pod* pod : pods_) {
      pod->node().enrol(*pod);
    }
    for (Node* node : nodes_) {
      node->wait_ready(kReady);
    }
    expect(eventually(kReady, [&] { return all_under(first); }), "no certificates: {}", logs());
    talk();
  }

  // pass goes on with the traffic until all leaves are under `ca`, and looks at each moment whether
  // all believe all.
  bool pass(const GivenCa& ca, Milliseconds limit, const std::function<bool()>& done) {
    return eventually(limit, [&] {
      look(ca);
      meet();
      return all_under(ca) && done();
    });
  }

  // believed_roots gives all roots that any pod believes.
  std::set<std::string> believed_roots() const {
    std::set<std::string> all;
    for (const auto& each : shown()) {
      all.insert(each.roots.begin(), each.roots.end());
    }
    return all;
  }

  // check_traffic fails for each connection that was lost.
  void check_traffic() {
    for (Process* each : talking_) {
      CHECK_MESSAGE(each->alive(), each->log());
    }
  }

  int met() const { return met_; }
  const ApiServer& api() const { return cluster_.api; }
  std::string logs() const {
    std::string text = cluster_.mesh.logs();
    for (const auto& signer : cluster_.signers) {
      text += "--- signer\n" + signer.log();
    }
    return text;
  }

 private:
  void add_pod(Node& node, const std::string& name) {
    Pod& pod = cluster_.pod(name, node.name());
    pod.serving_echo();
    pods_.push_back(&pod);
  }

  // Connections that are opened all the time, and one that stays, in each direction.
  void talk() {
    for (Pod* from : {pods_.front(), pods_.back()}) {
      const Pod& to = from == pods_.front() ? *pods_.back() : *pods_.front();
      talking_.push_back(&from->start({"sh", "-c",
                                       fmt::format("while {} connections {} {} 20 2; do sleep "
                                                   "0.1; done",
                                                   program("culvert-load"), to.ip4(), kEchoPort)},
                                      "opens"));
      talking_.push_back(&from->start(
          {program("culvert-load"), "hold", to.ip4(), std::to_string(kEchoPort)}, "holds"));
    }
  }

  // Tunnels outlive the certificates that they were made with: so the next two pods that may not
  // have met yet do.
  void meet() {
    const auto now = std::chrono::steady_clock::now();
    const auto count = pods_.size();
    if (now < next_meeting_ || met_ == static_cast<int>(count * (count - 1))) {
      return;
    }
    next_meeting_ = now + kMeetEvery;
    const auto pair = static_cast<std::size_t>(met_++);
    const Pod& from = *pods_[pair % count];
    const Pod& to = *pods_[(pair + 1 + pair / count) % count];
    const auto outcome = from.run(
        {program("culvert-load"), "connections", to.ip4(), std::to_string(kEchoPort), "4", "2"});
    CHECK_MESSAGE(outcome.ok(), from.name() << " to " << to.name() << ": " << outcome.err
                                            << outcome.out << logs());
  }

  void look(const GivenCa& next) {
    const auto all = shown();
    for (const auto& each : all) {
      if (each.signer == next.serial) {
        for (const auto& other : all) {
          CHECK_MESSAGE(other.roots.contains(next.root_serial),
                        other.identity << " does not believe " << each.identity);
          CHECK_MESSAGE(each.roots.contains(root_of_.at(other.signer)),
                        each.identity << " does not believe " << other.identity);
        }
      }
    }
  }

  bool all_under(const GivenCa& ca) {
    root_of_[ca.serial] = ca.root_serial;
    const auto all = shown();
    return all.size() == pods_.size() &&
           std::ranges::all_of(all, [&](const Shown& each) { return each.signer == ca.serial; });
  }

  std::vector<Shown> shown() const {
    std::vector<Shown> all;
    for (const Node* node : nodes_) {
      const auto dump = json::parse(node->ask_ztunnel("/config_dump"), nullptr, false);
      for (const auto& entry : dump.value("certificates", json::array())) {
        if (entry.value("state", "") != "Available") {
          continue;
        }
        Shown each{.identity = entry.value("identity", ""), .signer = {}, .roots = {}};
        if (entry["certChain"].size() > 1) {
          each.signer = entry["certChain"][1].value("serialNumber", "");
        }
        for (const auto& root : entry["rootCerts"]) {
          each.roots.insert(root.value("serialNumber", ""));
        }
        all.push_back(std::move(each));
      }
    }
    return all;
  }

  Cluster cluster_;
  std::vector<Node*> nodes_;
  std::vector<Pod*> pods_;
  std::vector<Process*> talking_;
  std::map<std::string, std::string> root_of_;  // serial numbers: intermediate → its root
  std::chrono::steady_clock::time_point next_meeting_{};
  int met_ = 0;
};

}  // namespace

TEST_CASE("intermediate and root change by the Secret under traffic, and no connection is lost") {
  const auto now = std::chrono::system_clock::now();
  const auto old_root = tls::CertificateAuthority::create("old", now);
  const auto new_root = tls::CertificateAuthority::create("new", now);
  REQUIRE((old_root && new_root));
  const GivenCa first(*old_root, 1);
  const GivenCa second(*old_root, 2);
  const GivenCa third(*new_root, 3);
  Town town(first);
  CHECK(town.believed_roots() == std::set{first.root_serial});

  second.give(town.api());
  CHECK_MESSAGE(town.pass(second, kIntermediateWithin, [] { return true; }), town.logs());
  town.check_traffic();
  CHECK(town.believed_roots() == std::set{first.root_serial});

  third.give(town.api());
  CHECK_MESSAGE(town.pass(third, kRootWithin,
                          [&] { return town.believed_roots() == std::set{third.root_serial}; }),
                town.logs());
  town.check_traffic();
  MESSAGE("pairs of pods that met during it: ", town.met());
}

}  // namespace culvert::lab
