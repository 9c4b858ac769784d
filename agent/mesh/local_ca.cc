// SPDX-License-Identifier: Apache-2.0
#include "agent/mesh/local_ca.h"

namespace culvert::mesh {

io::Task<control::SignedChain> LocalCa::sign(std::string csr_pem, SpiffeId id,
                                             std::chrono::seconds lifetime) {
  control::SignedChain chain;
  chain.chain.push_back(co_await authority_.sign(csr_pem, id, clock_(), lifetime));
  chain.roots = authority_.root_pem();
  co_return chain;
}

}  // namespace culvert::mesh
