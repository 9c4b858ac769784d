// SPDX-License-Identifier: Apache-2.0
#include "tests/kube/signing_ground.h"

#include <fmt/format.h>

#include "tests/support/lab_error.h"
#include "tests/support/paths.h"
#include "ztunnel/lib/base/base64.h"
#include "ztunnel/lib/tls/key.h"

namespace culvert::lab {
namespace {

using nlohmann::json;

// All that no kubelet has to run.
constexpr const char* kObjects = R"(
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

}  // namespace

std::string text_at(const json& object, const std::string& pointer) {
  const json::json_pointer place(pointer);
  return object.contains(place) ? object.at(place).get<std::string>() : std::string();
}

SigningGround::SigningGround() {
  api.must_kubectl({"apply", "-k", source_folder() + "/manifests/kustomize/base"});
  api.apply(kObjects);
  for (const char* pod : {"agent-1", "agent-2"}) {
    kubeconfigs_[pod] = api.kubeconfig_of("culvert-system", pod, "culvert-agent");
  }
}

void SigningGround::start_signers(int replicas) {
  signers.clear();
  const auto kubeconfig = api.kubeconfig_for("system:serviceaccount:culvert-system:culvert-signer");
  for (int i = 0; i < replicas; ++i) {
    signers.push_back(Process::start(
        {},
        {program("culvert-signer"), "--kubeconfig", kubeconfig, "--certificate-lifetime", "1m",
         "--root-overlap", "1m", "--readiness-port", "0", "--metrics-port", "0"},
        fmt::format("{}/signer-{}.log", api.folder(), started_++)));
  }
}

json SigningGround::request(std::string_view name) {
  const auto csr = *tls::make_csr(*tls::generate_key(), kCart);
  return {{"apiVersion", "certificates.k8s.io/v1"},
          {"kind", "CertificateSigningRequest"},
          {"metadata", {{"name", name}}},
          {"spec",
           {{"signerName", "culvert.dev/workload"},
            {"request", to_base64(as_bytes(csr))},
            {"expirationSeconds", 3600},
            {"usages", {"digital signature", "client auth", "server auth"}}}}};
}

void SigningGround::ask(std::string_view name, const std::string& pod) const {
  const auto made =
      api.kubectl({"create", "--kubeconfig", kubeconfig_of(pod), "-f", "-"}, request(name).dump());
  expect(made.ok(), "the agent can't ask: {}", made.err);
}

json SigningGround::get(const std::string& kind, const std::string& name,
                        const std::string& in_namespace) const {
  const auto got = api.kubectl({"get", kind, name, "-n", in_namespace, "-o", "json"});
  return got.ok() ? json::parse(got.out) : json();
}

std::string SigningGround::certificate(const std::string& name) const {
  return *from_base64(text_at(get("csr", name), "/status/certificate"));
}

std::string SigningGround::roots() const {
  return text_at(get("configmap", "culvert-ca-roots"), "/data/root-cert.pem");
}

std::string SigningGround::events(const std::string& object,
                                  const std::string& in_namespace) const {
  return api.must_kubectl({"get", "events", "-n", in_namespace, "--field-selector",
                           "involvedObject.name=" + object, "-o",
                           "jsonpath={range .items[*]}{.message}{\"\\n\"}{end}"});
}

std::string SigningGround::logs() const {
  std::string text;
  for (const auto& signer : signers) {
    text += signer.log();
  }
  return text;
}

}  // namespace culvert::lab
