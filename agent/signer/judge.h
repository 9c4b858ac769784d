// judge: whether a request may have what it asks for, as far as it says so itself. The second half,
// whether a pod of that account runs on that node, is the API server's to answer.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

#include "agent/kube/resource.h"
#include "agent/signer/request.h"
#include "ztunnel/lib/base/identity.h"

namespace culvert::signer {

// A CSR has under 1 KiB; with an RSA key of 8192 bits, 3 KiB.
inline constexpr std::size_t kCsrBytesMax = 16 * 1024;

struct Rules {
  std::string trust_domain;
  std::string agent;  // "system:serviceaccount:culvert-system:culvert-agent"
  std::chrono::seconds lifetime_max;
};

struct Grant {
  SpiffeId id;
  std::string node;
  std::chrono::seconds lifetime;
};

// judge fails with `denied` and the reason, for the requester to read.
Result<Grant> judge(const CertificateRequest& request, const Rules& rules);

// pods_path and pods_query ask for a pod that the grant is for: any that has not ended on its node.
std::string pods_path(const Grant& grant);
kube::Query pods_query(const Grant& grant);
// has_pod looks for it in the answer.
bool has_pod(const Json& list, const Grant& grant);

// no_pod says why a grant without such a pod is refused.
std::string no_pod(const Grant& grant);

}  // namespace culvert::signer
