// CaBackend: who signs the certificates that the CA server gives out.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

#include "ztunnel/lib/base/identity.h"
#include "ztunnel/lib/control/certificate_store.h"
#include "ztunnel/lib/io/task.h"

namespace culvert::mesh {

class CaBackend {
 public:
  virtual ~CaBackend() = default;

  // sign has `csr_pem` signed for `id`, which is what it names, for `lifetime` at most. Gives the
  // leaf, what stands between it and its root, and all roots that are accepted.
  virtual io::Task<control::SignedChain> sign(std::string csr_pem, SpiffeId id,
                                              std::chrono::seconds lifetime) = 0;
};

}  // namespace culvert::mesh
