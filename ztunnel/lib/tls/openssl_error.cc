// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/tls/openssl_error.h"

#include <openssl/err.h>

#include <string>

namespace culvert::tls {

Error take_error(Errc code, std::string_view what) {
  const std::uint32_t packed = ERR_get_error();
  const char* reason = packed == 0 ? nullptr : ERR_reason_error_string(packed);
  ERR_clear_error();
  return Error{.code = code,
               .side = Side::local,
               .sys = 0,
               .context = std::string(what) + ": " + (reason != nullptr ? reason : "unknown error")};
}

void clear_errors() {
  ERR_clear_error();
}

}  // namespace culvert::tls
