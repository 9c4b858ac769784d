// culvert-signer before a real API server, with the rights that the manifests give it: the server's
// stamps, two replicas, and a new root. Agents are tokens that are bound to pods of theirs, which
// no kubelet runs.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "agent/mesh/kubernetes_ca.h"
#include "tests/support/api_server.h"
#include "tests/support/lab_error.h"
#include "tests/support/paths.h"
#include "tests/support/peers/intermediate.h"
#include "ztunnel/lib/base/base64.h"
#include "ztunnel/lib/tls/chain.h"
#include "ztunnel/lib/tls/key.h"

namespace culvert::lab {
namespace {

using nlohmann::json;

constexpr Milliseconds kServedWithin = 30s;
const SpiffeId kCart{"cluster.local", "shop", "cart"};

std::string text_at(const json& object, const std::string& pointer) {
  const json::json_pointer place(pointer);
  return object.contains(place) ? object.at(place).get<std::string>() : std::string();
}

// Nodes, the agents' pods on them, and a workload on one; all that no kubelet has to run.
constexpr const char* kGround = R"(
{apiVersion: v1, kind: Namespace, metadata: {name: shop}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: cart, namespace: shop}}
---
{apiVersion: v1, kind: Node, metadata: {name: node-1}}
---
{apiVersion: v1, kind: Node, metadata: {name: node-2}}
---
{apiVersion: v1, kind: Pod, metadata: {name: agent-1, namespace: culvert-system},
 spec: {nodeName: node-1, serviceAccountName: culvert-agent, containers: [{name: a, image: a}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: agent-2, namespace: culvert-system},
 spec: {nodeName: node-2, serviceAccountName: culvert-agent, containers: [{name: a, image: a}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: cart-1, namespace: shop},
 spec: {nodeName: node-1, serviceAccountName: cart, containers: [{name: a, image: a}]}}
)";

// A server of their own: the signer's objects have fixed names.
struct Ground {
  explicit Ground(int replicas) {
    api.must_kubectl({"apply", "-k", source_folder() + "/manifests/kustomize/base"});
    api.apply(kGround);
    const auto kubeconfig =
        api.kubeconfig_for("system:serviceaccount:culvert-system:culvert-signer");
    for (int i = 0; i < replicas; ++i) {
      const auto log = fmt::format("{}/signer-{}.log", api.folder(), i);
      signers.push_back(Process::start(
          {},
          {program("culvert-signer"), "--kubeconfig", kubeconfig, "--certificate-lifetime", "1m",
           "--root-overlap", "1m", "--readiness-port", "0", "--metrics-port", "0"},
          log));
    }
  }

  // kubeconfig_of gives one of the agent in `pod`, as its token says.
  std::string kubeconfig_of(const std::string& pod) const {
    auto token = api.must_kubectl({"create", "token", "culvert-agent", "-n", "culvert-system",
                                   "--bound-object-kind", "Pod", "--bound-object-name", pod});
    token.erase(token.find_last_not_of('\n') + 1);
    auto text = read_file(api.kubeconfig());
    const auto begin = text.find("user: {client-certificate");
    text.replace(begin, text.find('}', begin) + 1 - begin, "user: {token: " + token + "}");
    auto path = fmt::format("{}/{}.kubeconfig", api.folder(), pod);
    write_file(path, text);
    return path;
  }

  // ask makes a request as the agent in `pod` does.
  void ask(const std::string& name, const std::string& pod) const {
    const auto csr = *tls::make_csr(*tls::generate_key(), kCart);
    const json object = {{"apiVersion", "certificates.k8s.io/v1"},
                         {"kind", "CertificateSigningRequest"},
                         {"metadata", {{"name", name}}},
                         {"spec",
                          {{"signerName", "culvert.dev/workload"},
                           {"request", to_base64(as_bytes(csr))},
                           {"expirationSeconds", 3600},
                           {"usages", {"digital signature", "client auth", "server auth"}}}}};
    const auto made =
        api.kubectl({"create", "--kubeconfig", kubeconfig_of(pod), "-f", "-"}, object.dump());
    expect(made.ok(), "the agent can't ask: {}", made.err);
  }

  json get(const std::string& kind, const std::string& name,
           const std::string& in_namespace = "culvert-system") const {
    const auto got = api.kubectl({"get", kind, name, "-n", in_namespace, "-o", "json"});
    return got.ok() ? json::parse(got.out) : json();
  }
  std::string certificate(const std::string& name) const {
    return *from_base64(text_at(get("csr", name), "/status/certificate"));
  }
  std::string roots() const {
    return text_at(get("configmap", "culvert-ca-roots"), "/data/root-cert.pem");
  }
  std::string logs() const {
    std::string text;
    for (const auto& signer : signers) {
      text += signer.log();
    }
    return text;
  }
  bool leads_to(const std::string& chain, const std::string& to) const {
    return tls::verify_leaf(chain, chain, to, std::chrono::system_clock::now()).has_value();
  }

  ApiServer api;
  std::vector<Process> signers;
};

}  // namespace

TEST_CASE("two signers that start at once make one root, and sign for the pods of a node") {
  Ground ground(2);
  ground.ask("right", "agent-1");
  ground.ask("wrong", "agent-2");
  REQUIRE_MESSAGE(eventually(kServedWithin, [&] { return !ground.certificate("right").empty(); }),
                  ground.logs());
  CHECK(ground.leads_to(ground.certificate("right"), ground.roots()));
  CHECK(text_at(ground.get("secret", "culvert-ca"), "/data/root-cert.pem") ==
        to_base64(as_bytes(ground.roots())));

  std::string denied;
  REQUIRE(eventually(kServedWithin, [&] {
    denied = text_at(ground.get("csr", "wrong"), "/status/conditions/0/message");
    return !denied.empty();
  }));
  CHECK(denied.contains("no pod of the service account shop/cart runs on the node node-2"));
  std::string events;
  CHECK(eventually(kServedWithin, [&] {
    events = ground.api.must_kubectl({"get", "events", "-n", "default", "--field-selector",
                                      "involvedObject.name=wrong", "-o",
                                      "jsonpath={range .items[*]}{.message}{\"\\n\"}{end}"});
    return !events.empty();
  }));
  CHECK(events == denied + "\n");
  CHECK_MESSAGE(!ground.logs().contains("\terror\t"), ground.logs());
  CHECK_MESSAGE(!ground.logs().contains("trying again"), ground.logs());
}

TEST_CASE("an agent's own rights and its pod's token are enough to get a certificate") {
  Ground ground(1);
  const auto loop = io::make_epoll_loop();
  Rng rng(1);
  const auto config = kube::read_kubeconfig(ground.kubeconfig_of("agent-1"));
  REQUIRE(config);
  kube::Client client(*loop, rng, *config);
  mesh::KubernetesCa ca(*loop, rng, client);
  io::Scope scope(*loop, io::Scope::OnFailure::ignore);
  scope.spawn(client.run());
  const auto sign = [&](const SpiffeId& id) {
    return io::block_on(*loop, ca.sign(*tls::make_csr(*tls::generate_key(), id), id, 1h));
  };
  // The signer has just started: what it says nothing to is asked again, as ztunnel does.
  auto chain = sign(kCart);
  for (int i = 0; i < 5 && !chain; ++i) {
    chain = sign(kCart);
  }
  REQUIRE_MESSAGE(chain, (to_string(chain.error()) + ground.logs()));
  CHECK(chain->roots == ground.roots());
  CHECK(ground.leads_to(chain->chain.front(), chain->roots));
  const auto refused = sign({"cluster.local", "shop", "till"});
  CHECK(!refused);
  CHECK(to_string(refused.error()).contains("no pod of the service account shop/till runs on"));
  scope.cancel();
  while (!scope.empty()) {
    (void)loop->turn();
  }
}

TEST_CASE("a given CA with another root succeeds after its root was known for long enough") {
  Ground ground(2);
  ground.ask("first", "agent-1");
  REQUIRE_MESSAGE(eventually(kServedWithin, [&] { return !ground.certificate("first").empty(); }),
                  ground.logs());
  const auto before = ground.roots();
  const auto now = std::chrono::system_clock::now();
  const auto root = tls::CertificateAuthority::create("test", now);
  const auto given = make_intermediate(*root);
  const json secret = {{"apiVersion", "v1"},
                       {"kind", "Secret"},
                       {"metadata", {{"name", "cacerts"}, {"namespace", "culvert-system"}}},
                       {"stringData",
                        {{"ca-cert.pem", given.certificate},
                         {"ca-key.pem", given.key},
                         {"cert-chain.pem", given.certificate + given.roots},
                         {"root-cert.pem", given.roots}}}};
  ground.api.apply(secret.dump());
  REQUIRE(eventually(kServedWithin, [&] { return ground.roots().contains(given.roots); }));
  CHECK(ground.roots().contains(before));
  ground.ask("between", "agent-1");
  REQUIRE(eventually(kServedWithin, [&] { return !ground.certificate("between").empty(); }));
  CHECK(ground.leads_to(ground.certificate("between"), before));
  // Two comparisons later both replicas sign by the new one, and one more later the old is gone.
  REQUIRE_MESSAGE(eventually(240s, [&] { return ground.roots() == given.roots; }), ground.logs());
  ground.ask("after", "agent-1");
  REQUIRE(eventually(kServedWithin, [&] { return !ground.certificate("after").empty(); }));
  CHECK(ground.leads_to(ground.certificate("after"), given.roots));

  // And one that is none is told on the Secret.
  json spoiled = secret;
  spoiled["stringData"]["ca-key.pem"] = "no key";
  ground.api.apply(spoiled.dump());
  CHECK(eventually(kServedWithin, [&] {
    return ground.api
        .must_kubectl({"get", "events", "-n", "culvert-system", "--field-selector",
                       "involvedObject.name=cacerts", "-o", "jsonpath={.items[*].message}"})
        .contains("can't be used as a CA: no private key in PEM text");
  }));
  ground.ask("still", "agent-1");
  REQUIRE(eventually(kServedWithin, [&] { return !ground.certificate("still").empty(); }));
  CHECK(ground.leads_to(ground.certificate("still"), given.roots));
}

}  // namespace culvert::lab
