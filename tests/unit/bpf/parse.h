// Addresses and pods for the tables of cases.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstring>
#include <initializer_list>
#include <string_view>

#include "bpf/include/culvert_abi.h"
#include "ztunnel/lib/base/address.h"

namespace culvert::test {

inline culvert_ip ip(std::string_view text) {
  culvert_ip result{};
  std::memcpy(result.words, IpAddress::parse(text).value().mapped().data(), sizeof result.words);
  return result;
}

inline culvert_pod pod_with(std::initializer_list<std::string_view> ips) {
  culvert_pod pod{};
  for (const auto text : ips) {
    pod.ips[pod.ip_count++] = ip(text);
  }
  return pod;
}

}  // namespace culvert::test
