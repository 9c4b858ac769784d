// Base64 with padding (RFC 4648 §4): certificates in dumps, bytes in Kubernetes objects.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "ztunnel/lib/base/bytes.h"
#include "ztunnel/lib/base/result.h"

namespace culvert {

std::string to_base64(Bytes bytes);

// from_base64 gives the bytes that `text` stands for. Fails with `protocol`, also on white space
// and on text that is not as to_base64 writes it.
Result<std::string> from_base64(std::string_view text);

}  // namespace culvert
