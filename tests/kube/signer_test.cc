// culvert-signer before a real API server, with the rights that the manifests give it: the server's
// stamps, two replicas, and a new root.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "agent/mesh/kubernetes_ca.h"
#include "tests/kube/signing_ground.h"
#include "tests/support/paths.h"
#include "tests/support/peers/intermediate.h"
#include "ztunnel/lib/base/base64.h"
#include "ztunnel/lib/tls/chain.h"
#include "ztunnel/lib/tls/key.h"

namespace culvert::lab {
namespace {

using nlohmann::json;

// A person's shell, with kubectl and a kubeconfig.
Outcome culvertctl(const ApiServer& api, const Command& arguments) {
  Command command{"env", "KUBECONFIG=" + api.kubeconfig(), "HOME=" + api.folder(),
                  "PATH=" + kubernetes_folder("kubeall") + ":/usr/bin:/bin", program("culvertctl")};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return run({}, command, 30s);
}

bool leads_to(const std::string& chain, const std::string& to) {
  return tls::verify_leaf(chain, chain, to, std::chrono::system_clock::now()).has_value();
}

}  // namespace

TEST_CASE("two signers that start at once make one root, and sign for the pods of a node") {
  SigningGround ground;
  ground.start_signers(2);
  ground.ask("right", "agent-1");
  ground.ask("wrong", "agent-2");
  REQUIRE_MESSAGE(eventually(kServedWithin, [&] { return !ground.certificate("right").empty(); }),
                  ground.logs());
  CHECK(leads_to(ground.certificate("right"), ground.roots()));
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
    events = ground.events("wrong", "default");
    return !events.empty();
  }));
  CHECK(events == denied + "\n");
  CHECK_MESSAGE(!ground.logs().contains("\terror\t"), ground.logs());
  CHECK_MESSAGE(!ground.logs().contains("trying again"), ground.logs());
}

TEST_CASE("an agent's own rights and its pod's token are enough to get a certificate") {
  SigningGround ground;
  ground.start_signers(1);
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
  CHECK(leads_to(chain->chain.front(), chain->roots));
  const auto refused = sign({"cluster.local", "shop", "till"});
  CHECK(!refused);
  CHECK(to_string(refused.error()).contains("no pod of the service account shop/till runs on"));
  scope.cancel();
  while (!scope.empty()) {
    (void)loop->turn();
  }
}

TEST_CASE("a given CA with another root succeeds after its root was known for long enough") {
  SigningGround ground;
  ground.start_signers(2);
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
  CHECK(leads_to(ground.certificate("between"), before));
  // Two comparisons later both replicas sign by the new one, and one more later the old is gone.
  REQUIRE_MESSAGE(eventually(240s, [&] { return ground.roots() == given.roots; }), ground.logs());
  ground.ask("after", "agent-1");
  REQUIRE(eventually(kServedWithin, [&] { return !ground.certificate("after").empty(); }));
  CHECK(leads_to(ground.certificate("after"), given.roots));

  // And one that is none is told on the Secret.
  json spoiled = secret;
  spoiled["stringData"]["ca-key.pem"] = "no key";
  ground.api.apply(spoiled.dump());
  CHECK(eventually(kServedWithin, [&] {
    return ground.events("cacerts", "culvert-system")
        .contains("can't be used as a CA: no private key in PEM text");
  }));
  ground.ask("still", "agent-1");
  REQUIRE(eventually(kServedWithin, [&] { return !ground.certificate("still").empty(); }));
  CHECK(leads_to(ground.certificate("still"), given.roots));
}

TEST_CASE("culvertctl shows the CA and has it succeeded, by a root of ours and by a given CA") {
  SigningGround ground;
  CHECK(culvertctl(ground.api, {"ca"}).exit_code == 3);
  CHECK(culvertctl(ground.api, {"rotate", "--run"}).exit_code == 1);
  ground.start_signers(2);
  const auto page = [&] { return culvertctl(ground.api, {"ca"}).out; };
  CHECK(eventually(kServedWithin, [&] { return page().contains("the Secret culvert-ca signs"); }));
  const auto first = ground.roots();

  CHECK(culvertctl(ground.api, {"rotate"}).out.contains("kubectl delete secret culvert-ca"));
  CHECK_FALSE(ground.get("secret", "culvert-ca").is_null());
  CHECK(culvertctl(ground.api, {"rotate", "--run"}).ok());
  CHECK_MESSAGE(eventually(kServedWithin, [&] { return page().contains("accepted, signs in "); }),
                page() << ground.logs());
  CHECK(ground.roots().contains(first));

  const auto root = tls::CertificateAuthority::create("test", std::chrono::system_clock::now());
  const auto given = make_intermediate(*root);
  write_file(ground.api.folder() + "/ca-cert.pem", given.certificate);
  write_file(ground.api.folder() + "/ca-key.pem", given.key);
  write_file(ground.api.folder() + "/cert-chain.pem", given.certificate + given.roots);
  write_file(ground.api.folder() + "/root-cert.pem", given.roots);
  for (const bool is_there : {false, true}) {
    CAPTURE(is_there);
    const auto done = culvertctl(ground.api, {"rotate", "--run", "--from", ground.api.folder()});
    CHECK_MESSAGE(done.ok(), done.out << done.err);
    CHECK(text_at(ground.get("secret", "cacerts"), "/data/ca-cert.pem") ==
          to_base64(as_bytes(given.certificate)));
  }
  CHECK(eventually(kServedWithin, [&] { return ground.roots().contains(given.roots); }));
  CHECK(culvertctl(ground.api, {"ca", "-o", "json"}).out.contains("succeededAt"));
  const auto unsaid = culvertctl(ground.api, {"rotate", "--run"});
  CHECK(unsaid.exit_code == 1);
  CHECK(unsaid.err.contains("say with --from"));
  CHECK_MESSAGE(!ground.logs().contains("403"), ground.logs());
}

}  // namespace culvert::lab
