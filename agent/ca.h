// Who signs the certificates of this node's pods, by --ca.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "agent/api_server.h"
#include "agent/mesh/ca_backend.h"

namespace culvert::agent {

// open_ca opens what `config` names; `api` is there where that is in a cluster, and must outlive
// it. Fails with `config` as mesh::open_authority does.
Result<std::unique_ptr<mesh::CaBackend>> open_ca(const Config& config, io::Loop& loop,
                                                 ApiServer* api);

}  // namespace culvert::agent
