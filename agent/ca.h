// Ca: who signs the certificates of this node's pods, by --ca, and what goes on there besides.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "agent/config.h"
#include "agent/mesh/ca_backend.h"
#include "ztunnel/lib/base/result.h"
#include "ztunnel/lib/io/loop.h"

namespace culvert::agent {

class Ca {
 public:
  virtual ~Ca() = default;

  virtual mesh::CaBackend& backend() = 0;

  // run is the work in the background, until it is cancelled; a folder has none and ends at once.
  virtual io::Task<> run() = 0;
};

// open_ca opens what `config` names. Fails with `config` as mesh::open_authority does, or when
// nothing says where the API server is. One that does not answer is no failure.
Result<std::unique_ptr<Ca>> open_ca(const Config& config, io::Loop& loop);

}  // namespace culvert::agent
