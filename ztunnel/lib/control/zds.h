// ZDS: which pods are a ztunnel's, one protobuf a packet. Encoding and decoding for both ends.
// Source of truth: ztunnel proto/zds.proto and src/inpod/protocol.rs; wire-facts §5.1, §5.2.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <variant>

#include "ztunnel/lib/base/result.h"

namespace culvert::control {

// 1024 bytes: what both of Istio's ends reserve for a packet.
inline constexpr std::size_t kZdsPacketBytesMax = 1024;
// 5 s for the hello, for each acknowledgement: as istio-cni waits.
inline constexpr auto kZdsAnswerWithin = std::chrono::seconds(5);
// An Add carries the netns, or the netns and the three listeners: outbound, inbound, HBONE.
inline constexpr std::size_t kZdsFdsPlain = 1;
inline constexpr std::size_t kZdsFdsWithListeners = 4;
// The longest error sentence of an acknowledgement that surely fits into a packet.
inline constexpr std::size_t kZdsErrorBytesMax = 900;

struct ZdsHello {
  bool takes_listeners = false;
};

// ZdsWorkload is what a ztunnel learns of a pod before xDS tells the rest.
struct ZdsWorkload {
  std::string name;
  std::string ns;
  std::string service_account;
  bool operator==(const ZdsWorkload&) const = default;
};

struct ZdsAdd {
  std::string uid;
  ZdsWorkload workload;
};
struct ZdsKeep {
  std::string uid;
};
struct ZdsDel {
  std::string uid;
};
struct ZdsSnapshotSent {};

using ZdsRequest = std::variant<ZdsAdd, ZdsKeep, ZdsDel, ZdsSnapshotSent>;

// The encoders fail with `limit` when the message does not fit into a packet (a uid or a name of
// absurd length); encode_ack cuts a long error instead.
std::string encode_hello(const ZdsHello& hello);
Result<std::string> encode_request(const ZdsRequest& request);
std::string encode_ack(std::string_view error);  // empty: it worked

// The decoders fail with `protocol`: bytes that are no such message, another version than V1, no
// known payload, an Add without workload_info.
Result<ZdsHello> decode_hello(std::string_view packet);
Result<ZdsRequest> decode_request(std::string_view packet);
// decode_ack gives the error's text, empty if it worked.
Result<std::string> decode_ack(std::string_view packet);

}  // namespace culvert::control
