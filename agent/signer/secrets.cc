// SPDX-License-Identifier: Apache-2.0
#include "agent/signer/secrets.h"

#include <fmt/format.h>

#include <tuple>

#include "ztunnel/lib/base/base64.h"
#include "ztunnel/lib/tls/certificate.h"

namespace culvert::signer {
namespace {

constexpr const char* kSource = "source";

struct Part {
  const char* key;
  std::string tls::AuthorityParts::* value;
  bool needed;
};
constexpr Part kParts[] = {{"ca-cert.pem", &tls::AuthorityParts::certificate, true},
                           {"ca-key.pem", &tls::AuthorityParts::key, true},
                           {"cert-chain.pem", &tls::AuthorityParts::chain, false},
                           {"root-cert.pem", &tls::AuthorityParts::roots, true}};

Result<tls::AuthorityParts> read_parts(const Json& secret) {
  tls::AuthorityParts parts;
  for (const auto& part : kParts) {
    const auto encoded = text(child(secret, "data"), part.key);
    const auto value = from_base64(encoded);
    if (!value || (part.needed && value->empty())) {
      return fail(Errc::config, fmt::format("it has no {}", part.key));
    }
    parts.*part.value = *value;
  }
  return parts;
}

Result<Authority> load(const Json& secret, std::string_view trust_domain,
                       std::chrono::system_clock::time_point now) {
  TRY(auto parts, read_parts(secret));
  TRY(auto ca, tls::CertificateAuthority::load(parts, trust_domain, now));
  TRY(const auto root, tls::certificate_facts(ca.root_pem()));
  TRY(const auto roots, tls::certificate_facts(parts.roots));
  auto source = from_base64(text(child(secret, "data"), kSource)).value_or("");
  Authority authority{
      .source = source.empty() ? text(child(secret, "metadata"), "name") : std::move(source),
      .parts = std::move(parts),
      .ca = std::move(ca),
      .signing_root = root.front().sha256,
      .roots = {}};
  for (const auto& each : roots) {
    authority.roots.push_back(each.pem);
  }
  return authority;
}

}  // namespace

Result<Authority> read_authority(const Json& secret, std::string_view trust_domain,
                                 std::chrono::system_clock::time_point now) {
  auto authority = load(secret, trust_domain, now);
  if (!authority) {
    const Json& metadata = child(secret, "metadata");
    return fail(Errc::config, fmt::format("the Secret {}/{} can't be used as a CA: {}",
                                          text(metadata, "namespace"), text(metadata, "name"),
                                          to_string(authority.error())));
  }
  return authority;
}

Result<tls::AuthorityParts> make_authority(std::string_view trust_domain,
                                           std::chrono::system_clock::time_point now) {
  TRY(const auto made, tls::CertificateAuthority::create(trust_domain, now));
  return tls::AuthorityParts{
      .certificate = made.root_pem(), .key = made.key_pem(), .chain = {}, .roots = made.root_pem()};
}

Json write_secret(std::string_view in_namespace, std::string_view name,
                  const tls::AuthorityParts& parts, std::string_view source) {
  Json entries;
  for (const auto& part : kParts) {
    entries[part.key] = to_base64(as_bytes(parts.*part.value));
  }
  if (!source.empty()) {
    entries[kSource] = to_base64(as_bytes(source));
  }
  return {{"apiVersion", "v1"},
          {"kind", "Secret"},
          {"metadata", {{"name", name}, {"namespace", in_namespace}}},
          {"data", std::move(entries)}};
}

bool same_parts(const tls::AuthorityParts& a, const tls::AuthorityParts& b) {
  const auto all = [](const tls::AuthorityParts& p) {
    return std::tie(p.certificate, p.key, p.chain, p.roots);
  };
  return all(a) == all(b);
}

}  // namespace culvert::signer
