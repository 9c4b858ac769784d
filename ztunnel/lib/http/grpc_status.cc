// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "ztunnel/lib/http/grpc.h"

namespace culvert::http {
namespace {

struct Row {
  GrpcCode code;
  const char* name;
  Errc errc;  // what a client makes of it
};

constexpr std::array kCodes{
    Row{GrpcCode::ok, "OK", Errc::io},
    // The server's end of the call, not a cancellation of ours, which unwinds fibers.
    Row{GrpcCode::cancelled, "CANCELLED", Errc::closed},
    Row{GrpcCode::unknown, "UNKNOWN", Errc::io},
    Row{GrpcCode::invalid_argument, "INVALID_ARGUMENT", Errc::config},
    Row{GrpcCode::deadline_exceeded, "DEADLINE_EXCEEDED", Errc::timed_out},
    Row{GrpcCode::not_found, "NOT_FOUND", Errc::not_found},
    Row{GrpcCode::permission_denied, "PERMISSION_DENIED", Errc::denied},
    Row{GrpcCode::resource_exhausted, "RESOURCE_EXHAUSTED", Errc::limit},
    Row{GrpcCode::failed_precondition, "FAILED_PRECONDITION", Errc::config},
    Row{GrpcCode::unimplemented, "UNIMPLEMENTED", Errc::not_found},
    Row{GrpcCode::internal, "INTERNAL", Errc::io},
    Row{GrpcCode::unavailable, "UNAVAILABLE", Errc::unavailable},
    Row{GrpcCode::unauthenticated, "UNAUTHENTICATED", Errc::identity},
};

GrpcCode code_of(Errc code) {
  switch (code) {
    case Errc::io: return GrpcCode::internal;
    case Errc::closed: return GrpcCode::unavailable;
    case Errc::protocol: return GrpcCode::invalid_argument;  // the client's message was broken
    case Errc::tls: return GrpcCode::unavailable;
    case Errc::identity: return GrpcCode::unauthenticated;
    case Errc::denied: return GrpcCode::permission_denied;
    case Errc::not_found: return GrpcCode::not_found;
    case Errc::unavailable: return GrpcCode::unavailable;
    case Errc::limit: return GrpcCode::resource_exhausted;
    case Errc::timed_out: return GrpcCode::deadline_exceeded;
    case Errc::cancelled: return GrpcCode::cancelled;
    case Errc::config: return GrpcCode::failed_precondition;
  }
  return GrpcCode::unknown;
}

}  // namespace

Error to_error(const GrpcStatus& status) {
  std::string name = "code " + std::to_string(static_cast<int>(status.code));
  Errc errc = Errc::io;
  for (const Row& row : kCodes) {
    if (row.code == status.code) {
      name = row.name;
      errc = row.errc;
    }
  }
  const std::string words = status.message.empty() ? "" : ": " + status.message;
  return Error{
      .code = errc, .side = Side::upstream, .context = "the server answered " + name + words};
}

GrpcStatus to_status(const Error& error) {
  return {.code = code_of(error.code), .message = to_string(error)};
}

}  // namespace culvert::http
