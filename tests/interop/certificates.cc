// SPDX-License-Identifier: Apache-2.0
#include "tests/interop/certificates.h"

#include <algorithm>

#include "tests/support/lab_error.h"
#include "ztunnel/lib/tls/key.h"

namespace culvert::lab {

namespace {

template <typename T>
T must(Result<T> result) {
  expect(result.has_value(), "{}", result ? "" : to_string(result.error()));
  return std::move(*result);
}

// A PEM text as a YAML block, indented below its key.
std::string block(std::string_view pem) {
  std::string text = "|\n";
  for (std::size_t from = 0; from < pem.size();) {
    const std::size_t end = std::min(pem.find('\n', from), pem.size());
    text += fmt::format("        {}\n", pem.substr(from, end - from));
    from = end + 1;
  }
  return text;
}

}  // namespace

tls::CertificateAuthority authority_of(const Mesh& mesh) {
  const std::string folder = mesh.grounds().folder("ca");
  return must(tls::CertificateAuthority::load(read_file(folder + "/root.pem"),
                                              read_file(folder + "/key.pem")));
}

tls::CertificateAuthority stranger() {
  return must(tls::CertificateAuthority::create("stranger", std::chrono::system_clock::now()));
}

void write_secret(const std::string& path, const tls::CertificateAuthority& authority,
                  const std::vector<std::string>& uris, std::chrono::seconds lifetime) {
  const auto now = std::chrono::system_clock::now();
  const std::string key = must(tls::generate_key());
  // The request's own name does not matter: issue() takes what it is told.
  const std::string csr = must(tls::make_csr(
      key, SpiffeId{.trust_domain = "cluster.local", .ns = "any", .service_account = "any"}));
  const std::string leaf = must(
      authority.issue(csr, {.uris = uris, .not_before = now - 1min, .not_after = now + lifetime}));
  write_file(path, fmt::format(R"(resources:
- "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret
  name: own
  tls_certificate:
    certificate_chain:
      inline_string: {}    private_key:
      inline_string: {})",
                               block(leaf), block(key)));
}

}  // namespace culvert::lab
