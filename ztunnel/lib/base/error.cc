// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/base/error.h"

#include <cerrno>
#include <system_error>
#include <utility>

namespace culvert {
namespace {

Errc code_of(int errno_value) {
  switch (errno_value) {
    case ECONNREFUSED:
    case ENETUNREACH:
    case EHOSTUNREACH:
    case EADDRNOTAVAIL:
    case ENOENT:  // a unix socket that nobody serves yet
      return Errc::unavailable;
    case ECONNRESET:
    case ECONNABORTED:
    case EPIPE:
    case ENOTCONN: return Errc::closed;
    case ETIMEDOUT: return Errc::timed_out;
    case ECANCELED: return Errc::cancelled;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM: return Errc::limit;
    default: return Errc::io;
  }
}

}  // namespace

std::string_view name(Errc code) {
  switch (code) {
    case Errc::io: return "io";
    case Errc::closed: return "closed";
    case Errc::protocol: return "protocol";
    case Errc::tls: return "tls";
    case Errc::identity: return "identity";
    case Errc::denied: return "denied";
    case Errc::not_found: return "not_found";
    case Errc::unavailable: return "unavailable";
    case Errc::limit: return "limit";
    case Errc::timed_out: return "timed_out";
    case Errc::cancelled: return "cancelled";
    case Errc::config: return "config";
  }
  return "unknown";
}

std::string_view name(Side side) {
  switch (side) {
    case Side::local: return "local";
    case Side::downstream: return "downstream";
    case Side::upstream: return "upstream";
    case Side::control: return "control";
  }
  return "unknown";
}

std::string to_string(const Error& error) {
  return error.context.empty() ? std::string(name(error.code)) : error.context;
}

Error from_errno(int errno_value, std::string_view what) {
  return Error{.code = code_of(errno_value),
               .side = Side::local,
               .sys = errno_value,
               .context = std::string(what) + ": " + std::generic_category().message(errno_value)};
}

Error prefixed(std::string_view where, Error error) {
  error.context = std::string(where) + ": " + to_string(error);
  return error;
}

}  // namespace culvert
