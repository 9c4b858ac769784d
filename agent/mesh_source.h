// MeshSource: where the agent's mesh comes from, by --source, and who is told there of its pods.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "agent/api_server.h"
#include "agent/enrol/notices.h"
#include "agent/mesh/source.h"
#include "ztunnel/lib/base/result.h"
#include "ztunnel/lib/io/loop.h"

namespace culvert::agent {

class MeshSource {
 public:
  virtual ~MeshSource() = default;

  virtual mesh::Source& source() = 0;
  virtual enrol::PodNotices& notices() = 0;

  // show tells what became of this node's pods; after each translation of a complete source.
  virtual void show(const enrol::PodsOfMesh& pods) = 0;

  // run is the work in the background, until it is cancelled; a folder has none and ends at once.
  virtual io::Task<> run() = 0;
};

// open_mesh_source opens what `config` names; `api` is there where that is in a cluster, and must
// outlive it. Fails with `config` when there is no such folder.
Result<std::unique_ptr<MeshSource>> open_mesh_source(const Config& config, io::Loop& loop,
                                                     ApiServer* api);

}  // namespace culvert::agent
