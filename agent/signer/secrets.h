// Secrets that hold an authority, in the form of Istio's `cacerts`, and what comes of them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "agent/signer/fields.h"
#include "agent/signer/names.h"
#include "ztunnel/lib/tls/authority.h"

namespace culvert::signer {

struct Authority {
  std::string source;  // kGivenSecret or kOwnSecret
  tls::AuthorityParts parts;
  tls::CertificateAuthority ca;
  std::string signing_root;        // sha256 of the root that its leaves lead to
  std::vector<std::string> roots;  // PEM, one each; all that its Secret wants accepted
};

using AuthorityPtr = std::shared_ptr<const Authority>;

// read_authority takes a Secret. Fails with `config` and a sentence that names the Secret and says
// why it can't be used.
Result<Authority> read_authority(const Json& secret, std::string_view trust_domain,
                                 std::chrono::system_clock::time_point now);

// make_authority makes a root of our own.
Result<tls::AuthorityParts> make_authority(std::string_view trust_domain,
                                           std::chrono::system_clock::time_point now);

// write_secret gives the Secret `name` for `parts`; `source` is said in the copy only.
Json write_secret(std::string_view in_namespace, std::string_view name,
                  const tls::AuthorityParts& parts, std::string_view source = {});

// same_parts: a change of a Secret that changes nothing is none.
bool same_parts(const tls::AuthorityParts& a, const tls::AuthorityParts& b);

}  // namespace culvert::signer
