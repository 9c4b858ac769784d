// The documents of a YAML text, as trees. Private to this room, as object_reader.h is.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "ztunnel/lib/base/result.h"

namespace culvert::mesh {

// 1 MiB: what all aliases of a text may repeat together. kubectl prints none, a person a few; and
// without a limit some lines of aliases of aliases would take all memory.
inline constexpr std::size_t kAliasedBytesMax = std::size_t{1} << 20;

// load_documents reads `text`, which must be UTF-8. Scalars become texts as written, the plain ones
// that mean null become null. Fails with `config` and a context "line N: what" where it is no YAML,
// and where two values stand under one key: which of them would count is not to be guessed.
Result<std::vector<nlohmann::json>> load_documents(const std::string& text);

}  // namespace culvert::mesh
