// make_dial: how a client gets to its API server: TCP, then TLS with HTTP/2.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/kube/config.h"
#include "ztunnel/lib/http/h2_channel.h"

namespace culvert::kube {

// make_dial gives what Client connects with. Certificates and keys that are files are read anew for
// each connection. `loop` must outlive it.
http::H2Channel::Dial make_dial(io::Loop& loop, const Config& config);

}  // namespace culvert::kube
