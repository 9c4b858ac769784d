// The one table that says what an error means to the others: the status of a refused CONNECT, the
// response flag of the metrics.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ztunnel/lib/base/error.h"
#include "ztunnel/lib/obs/metrics.h"

namespace culvert::proxy {

struct Outcome {
  int connect_status;      // what a peer's CONNECT is answered with (wire-facts §1.7)
  obs::ResponseFlag flag;  // response_flags of istio_tcp_connections_failed_total
};

Outcome outcome_of(const Error& error);

// error_of_status is the same table read by the client: what a peer's answer other than 200 means.
Errc error_of_status(int status);

}  // namespace culvert::proxy
