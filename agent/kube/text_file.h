// read_text: a small file that somebody else keeps up to date.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "ztunnel/lib/base/result.h"

namespace culvert::kube {

// read_text gives what is in the file at `path`. Fails with `config`: it can't be read, or is
// larger than `bytes_max`. Blocks, as reads of small local files do.
Result<std::string> read_text(const std::string& path, std::size_t bytes_max);

}  // namespace culvert::kube
