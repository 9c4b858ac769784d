// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/tls/openssl_error.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <cctype>
#include <string>

namespace culvert::tls {

Error take_error(Errc code, std::string_view what) {
  const std::uint32_t packed = ERR_get_error();
  const char* found = packed == 0 ? nullptr : ERR_reason_error_string(packed);
  ERR_clear_error();
  std::string reason = found != nullptr ? found : "unknown error";
  for (char& c :
       reason) {  // BoringSSL's reasons are its constants: PEER_DID_NOT_RETURN_A_CERTIFICATE
    c = c == '_' ? ' ' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  const int number = packed == 0 ? 0 : ERR_GET_REASON(packed);
  const bool is_alert =
      packed != 0 && ERR_GET_LIB(packed) == ERR_LIB_SSL && number > SSL_AD_REASON_OFFSET;
  return Error{.code = code,
               .side = Side::local,
               .sys = is_alert ? number - SSL_AD_REASON_OFFSET : 0,
               .context = std::string(what) + ": " + reason};
}

void clear_errors() {
  ERR_clear_error();
}

}  // namespace culvert::tls
