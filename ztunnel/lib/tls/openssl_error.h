// BoringSSL's errors as ours. Its queue is hidden state of a thread: it is drained and cleared here
// and nowhere else.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "ztunnel/lib/base/error.h"

namespace culvert::tls {

// take_error makes an error of the oldest entry of this thread's queue, and empties the queue:
// "`what`: <reason>". `sys` is the alert that the peer sent, if it sent one.
Error take_error(Errc code, std::string_view what);
void clear_errors();

}  // namespace culvert::tls
