// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/proxy/outcome.h"

namespace culvert::proxy {

Outcome outcome_of(const Error& error) {
  switch (error.code) {
    case Errc::denied: return {401, obs::ResponseFlag::deny};
    case Errc::protocol: return {400, obs::ResponseFlag::h2_handshake_failure};
    case Errc::tls: return {503, obs::ResponseFlag::tls_failure};
    case Errc::identity: return {503, obs::ResponseFlag::identity_error};
    case Errc::unavailable:
    case Errc::timed_out:
    case Errc::not_found:
    case Errc::limit:
    case Errc::closed: return {503, obs::ResponseFlag::connect};
    case Errc::io:
    case Errc::cancelled:
    case Errc::config: return {503, obs::ResponseFlag::none};
  }
  return {503, obs::ResponseFlag::none};
}

Errc error_of_status(int status) {
  switch (status) {
    case 400: return Errc::protocol;
    case 401:
    case 403: return Errc::denied;
    default: return Errc::unavailable;
  }
}

}  // namespace culvert::proxy
