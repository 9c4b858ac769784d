// The one place where BoringSSL's error queue becomes an Error. For this room's .cc files.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "ztunnel/lib/base/error.h"

namespace culvert::tls {

// drain_errors empties this thread's queue into one Error of `code`: "`what`: <reason>, <reason>",
// oldest first. `sys` is the alert that the peer sent, if it sent one.
Error drain_errors(Errc code, std::string_view what);

// clear_errors empties the queue: before each call whose failure will be looked at, and after a
// failure that is an answer (no further PEM block).
void clear_errors();

}  // namespace culvert::tls
