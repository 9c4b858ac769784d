// CertificateRequest: a CertificateSigningRequest of the API server as values. Who made it is the
// server's word and nobody else's: it stamps user and node on the object when it is created.
// Source of truth: kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <set>
#include <string>

#include "agent/signer/fields.h"
#include "agent/signer/names.h"
#include "ztunnel/lib/base/result.h"

namespace culvert::signer {

struct CertificateRequest {
  enum class State : std::uint8_t {
    waiting,   // nobody has judged it
    approved,  // by us, or by a person; without a certificate
    closed,    // denied, failed or signed
  };

  std::string name;
  std::string signer;
  State state = State::waiting;
  std::chrono::sys_seconds created;
  std::string csr;  // PEM; empty where the object has none that can be read
  std::set<std::string> usages;
  std::optional<std::chrono::seconds> lifetime;  // asked for
  std::string username;
  std::string node;  // empty: the server has not stamped one
};

// read_request fails with `protocol` where the object has no name or no time of its creation.
Result<CertificateRequest> read_request(const Json& object);

}  // namespace culvert::signer
