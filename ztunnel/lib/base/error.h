// Error: what failed, whose fault it was, and where. Failures of the world are values of this type;
// broken invariants of ours abort (assert.h).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace culvert {

// Errc is closed and short: a code exists only where a caller acts differently on it.
enum class Errc : std::uint8_t {
  io,           // the kernel refused an operation and none of the others fits
  closed,       // the peer reset the connection or went away in mid-stream (a FIN is no error)
  protocol,     // the peer broke a protocol: HTTP/2, protobuf, ZDS, YAML
  tls,          // handshake or record layer failed
  identity,     // the peer proved an identity, but not one that is expected here
  denied,       // policy says no
  not_found,    // a named thing does not exist
  unavailable,  // nobody is there: refused, unreachable, no healthy endpoint
  limit,        // a named limit was reached
  timed_out,
  cancelled,
  config,  // what a person wrote (flag, file, object) can't be used
};

// Side is whose fault an error is; with Errc it is the key of every table that maps errors to
// statuses, log flags and metrics.
enum class Side : std::uint8_t { local, downstream, upstream, control };

struct Error {
  Errc code = Errc::io;
  Side side = Side::local;
  int sys = 0;          // errno or TLS alert, 0 if there is none
  std::string context;  // one sentence, outermost place first
};

std::string_view name(Errc code);
std::string_view name(Side side);

// to_string gives the context, or the code's name where there is none.
std::string to_string(const Error& error);

// from_errno makes an error of a system call's `errno_value`: refused and unreachable become
// `unavailable`, a reset `closed`, ETIMEDOUT `timed_out`, ECANCELED `cancelled`, EMFILE and ENOBUFS
// `limit`, all else `io`. The context reads "`what`: <strerror>".
Error from_errno(int errno_value, std::string_view what);

// prefixed puts `where` before the error's context: "where: context".
Error prefixed(std::string_view where, Error error);

}  // namespace culvert
