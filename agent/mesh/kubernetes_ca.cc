// SPDX-License-Identifier: Apache-2.0
#include "agent/mesh/kubernetes_ca.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "agent/kube/decode.h"
#include "agent/kube/resources.h"
#include "agent/mesh/object_reader.h"
#include "agent/signer/names.h"
#include "ztunnel/lib/base/base64.h"
#include "ztunnel/lib/io/timeout.h"
#include "ztunnel/lib/tls/certificate.h"
#include "ztunnel/lib/tls/chain.h"

namespace culvert::mesh {
namespace {

using nlohmann::json;

json request_object(const std::string& name, std::string_view csr_pem,
                    std::chrono::seconds lifetime) {
  return {{"apiVersion", kube::kSigningRequests.api_version},
          {"kind", kube::kSigningRequests.kind},
          {"metadata", {{"name", name}}},
          {"spec",
           {{"signerName", signer::kSignerName},
            {"request", to_base64(as_bytes(csr_pem))},
            {"expirationSeconds", std::max(lifetime, kRequestedLifetimeMin).count()},
            {"usages", {"digital signature", "client auth", "server auth"}}}}};
}

// The certificate, nothing while there is neither that nor a refusal.
Result<std::optional<std::string>> read_verdict(const json& request) {
  const json& status = child(request, "status");
  for (const json& condition : items(child(status, "conditions"))) {
    if (const auto type = text(condition, "type"); type == "Denied" || type == "Failed") {
      return fail(Errc::denied, "the signer refuses: " + text(condition, "message"));
    }
  }
  const auto encoded = text(status, "certificate");
  if (encoded.empty()) {
    return std::optional<std::string>();
  }
  auto certificate = from_base64(encoded);
  if (!certificate) {
    return fail(Errc::protocol, "the certificate of a request is no base64");
  }
  return std::optional<std::string>(std::move(*certificate));
}

}  // namespace

io::Task<control::SignedChain> KubernetesCa::sign(std::string csr_pem, SpiffeId,
                                                  std::chrono::seconds lifetime) {
  co_return co_await io::with_timeout(loop_, kSignWithin, "a certificate by culvert-signer",
                                      ask(std::move(csr_pem), lifetime));
}

io::Task<control::SignedChain> KubernetesCa::ask(std::string csr_pem,
                                                 std::chrono::seconds lifetime) {
  auto name = fmt::format("culvert-{:016x}", rng_.next());
  const json made = co_await client_.call({.verb = kube::Verb::create,
                                           .path = kube::collection_path(kube::kSigningRequests),
                                           .body = request_object(name, csr_pem, lifetime)});
  auto version = text(child(made, "metadata"), "resourceVersion");
  const auto certificates = co_await verdict(std::move(name), std::move(version));
  // Read anew for each certificate, and after it: so its own root is among them, and so is every
  // other one that is published by now.
  control::SignedChain chain{.chain = {}, .roots = co_await roots()};
  for (auto& each : co_await tls::certificate_facts(certificates)) {
    chain.chain.push_back(std::move(each.pem));
  }
  const auto verified =
      tls::verify_leaf(chain.chain.front(), certificates, chain.roots, options_.clock());
  if (!verified) {
    co_await fail(
        prefixed("culvert-signer's certificate and the roots that it publishes", verified.error()));
  }
  co_return chain;
}

// Watches the request from its creation on until there is a certificate in it.
io::Task<std::string> KubernetesCa::verdict(std::string name, std::string version) {
  const auto body =
      co_await client_.stream(kube::collection_path(kube::kSigningRequests),
                              {{"watch", "true"},
                               {"fieldSelector", "metadata.name=" + name},
                               {"resourceVersion", std::move(version)},
                               {"timeoutSeconds", std::to_string(kSignWithin.count())}});
  std::optional<std::string> found;
  kube::JsonCutter cutter(kube::JsonCutter::Shape::stream,
                          [&found](std::string_view each) -> Result<> {
                            TRY(const auto event, kube::parse_event(each));
                            if (event.type == kube::WatchEvent::Type::deleted) {
                              return fail(Errc::not_found, "the request was deleted");
                            }
                            TRY(found, read_verdict(event.object));
                            return {};
                          });
  std::vector<std::uint8_t> piece(kube::kPieceBytes);
  while (!found) {
    const std::size_t count = co_await body->read_some(piece);
    if (count == 0) {
      co_await fail(Errc::timed_out, "the signer says nothing");
    }
    co_await cutter.feed(as_text({piece.data(), count}));
  }
  co_return std::move(*found);
}

io::Task<std::string> KubernetesCa::roots() {
  const json map = co_await client_.call(
      {.path = kube::object_path(kube::kConfigMaps, options_.in_namespace, signer::kRootsMap)});
  co_return text(child(map, "data"), signer::kRootsPem);
}

}  // namespace culvert::mesh
