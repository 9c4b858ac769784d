// Header lists as HTTP/2 has them: lower-case names, pseudo headers (":method") first, in wire
// order.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace culvert::http {

struct Header {
  std::string name;  // lower case
  std::string value;

  bool operator==(const Header&) const = default;
};

using HeaderList = std::vector<Header>;

// find_header gives the first value of `name`, or null. Pseudo headers are there at most once
// (a second one is a protocol error of the stream); others may repeat.
inline const std::string* find_header(const HeaderList& headers, std::string_view name) {
  for (const Header& header : headers) {
    if (header.name == name) {
      return &header.value;
    }
  }
  return nullptr;
}

}  // namespace culvert::http
