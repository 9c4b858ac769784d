// A client that sends the bytes it is told and reads until the server closes: for well-behaved
// requests and for others.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ztunnel/lib/base/address.h"
#include "ztunnel/lib/base/fd.h"

namespace culvert::admin {

struct RawResponse {
  int status = 0;
  std::string head;
  std::string body;
};

Fd connect_tcp(const IpAddress& ip, std::uint16_t port);
Fd connect_unix(const std::string& path);

// exchange sends `request` and reads the one response until the end of the stream.
RawResponse exchange(Fd connection, std::string_view request);

// get and post ask for one path on 127.0.0.1 and close.
RawResponse get(std::uint16_t port, std::string_view target, std::string_view headers = "");
RawResponse post(std::uint16_t port, std::string_view target);

}  // namespace culvert::admin
