// Base64 with padding (RFC 4648 §4), for certificates in dumps.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "ztunnel/lib/base/bytes.h"

namespace culvert::admin {

std::string to_base64(Bytes bytes);

}  // namespace culvert::admin
