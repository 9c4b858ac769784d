// The mesh's root certificate and its key in a folder that several agents share (--ca-dir):
//   root.pem   the certificate, for everyone
//   key.pem    its key, mode 0600; that it is there means that both are
//   lock       held while they are made
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

#include "ztunnel/lib/base/result.h"
#include "ztunnel/lib/tls/authority.h"

namespace culvert::mesh {

// open_authority loads the authority of `directory`, or makes it: of agents that start at the same
// time one makes it and the others load that. Blocks for as long as that takes. Fails with `config`
// for a key that others may read, belongs to another user or fits no certificate, and for a root
// that has expired; with `io` when the disk is full or read-only; each in one sentence that names
// the file.
Result<tls::CertificateAuthority> open_authority(const std::string& directory,
                                                 std::string_view organization,
                                                 std::chrono::system_clock::time_point now);

}  // namespace culvert::mesh
