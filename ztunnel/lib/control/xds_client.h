// XdsClient: keeps a delta xDS stream to the control plane and a record of what it was sent, so
// that a reconnect brings only what changed. It knows names and versions; what a resource means is
// the business of whoever gave it the callbacks. Source of truth: ztunnel src/xds/client.rs;
// envoyproxy.io/docs "xDS REST and gRPC protocol", incremental.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "ztunnel/lib/base/bytes.h"
#include "ztunnel/lib/base/rng.h"
#include "ztunnel/lib/http/grpc.h"
#include "ztunnel/lib/io/loop.h"
#include "ztunnel/lib/io/scope.h"
#include "ztunnel/lib/obs/log.h"

namespace envoy::service::discovery::v3 {
class DeltaDiscoveryResponse;
}

namespace culvert::control {

inline constexpr const char* kAddressType = "type.googleapis.com/istio.workload.Address";
inline constexpr const char* kAuthorizationType =
    "type.googleapis.com/istio.security.Authorization";

// istiod's whole mesh may come in one response; ztunnel takes as much.
inline constexpr std::size_t kXdsMessageBytesMax = 200 * 1024 * 1024;
inline constexpr std::chrono::milliseconds kXdsBackoffFirst{10};
inline constexpr std::chrono::seconds kXdsBackoffMax{15};
// A stream that ends sooner counts as one that failed, whatever it brought: a control plane that
// answers and hangs up at once must not be asked in a loop.
inline constexpr std::chrono::seconds kXdsSettledAfter{1};
// Pushes of one type that are refused one after the other are answered with a pause, doubled up to
// 1 s: a control plane that sends the same bad push again at once must not make us spin.
inline constexpr std::chrono::milliseconds kXdsRefusalPauseFirst{10};
inline constexpr std::chrono::seconds kXdsRefusalPauseMax{1};
// Answers that the control plane has not read. At 64 no more of it is read; a control plane that
// goes on not reading for 30 s is left.
inline constexpr std::size_t kXdsUnsentMax = 64;
inline constexpr std::chrono::seconds kXdsUnsentWait{30};
// The text of a NACK, and of its log line: 4 KiB hold what a person reads.
inline constexpr std::size_t kXdsRefusalBytesMax = 4 * 1024;

struct XdsResource {
  std::string name;
  std::string version;
  Bytes value;  // the encoded message, borrowed for the length of the call
};

struct XdsRejection {
  std::string name;
  std::string reason;
};

// XdsNode is how this node presents itself (wire-facts §3.2).
struct XdsNode {
  std::string node_name;
  std::string pod_name;
  std::string pod_namespace;
  std::string instance_ip;  // empty: 1.1.1.1, as ztunnel does
  std::string cluster_id = "Kubernetes";
  // Added to the metadata as it is: what ISTIO_META_* and proxyMetadata say, without their prefix.
  std::map<std::string, std::string> metadata;
};

enum class XdsTermination : std::uint8_t { connect_failed, stream_failed, clean_end };

struct XdsCallbacks {
  // on_update gets one response: the changed resources in wire order, then the removed names. It
  // applies all that it can and returns what it can't, which is then NACKed by name.
  std::function<std::vector<XdsRejection>(std::string_view type_url,
                                          const std::vector<XdsResource>& resources,
                                          const std::vector<std::string>& removed)>
      on_update;
  // on_ready is called once, after the first response for each type was taken. Unlike ztunnel, a
  // NACK counts too: one resource that can't be understood must not keep a node from starting.
  std::function<void()> on_ready = [] {};
  // For metrics. A type that was not asked for is named "other": the peer chooses its name.
  std::function<void(std::string_view type_url, std::size_t bytes)> on_message =
      [](std::string_view, std::size_t) {};
  std::function<void(XdsTermination)> on_termination = [](XdsTermination) {};
};

struct XdsOptions {
  http::HeaderList metadata;  // of the call: authorization, clusterid
  io::Duration backoff_first = kXdsBackoffFirst;
  io::Duration backoff_max = kXdsBackoffMax;
  http::GrpcChannelOptions channel;
};

// The owner spawns run(); callbacks are called from it. State is kept while disconnected.
class XdsClient {
 public:
  XdsClient(io::Loop& loop, Rng& rng, http::GrpcChannel::Dial dial, XdsNode node,
            XdsCallbacks callbacks, XdsOptions options = {});
  ~XdsClient();

  // run subscribes, takes responses and reconnects until it is cancelled. After a failure it waits
  // 10 ms, twice as long each time up to 15 s, with jitter; after the clean end of a stream that
  // had settled it starts again at once, after the control plane's recycling of one from 10 ms.
  io::Task<> run();

  bool connected() const { return connected_; }
  bool ready() const { return ready_; }

 private:
  using Response = envoy::service::discovery::v3::DeltaDiscoveryResponse;
  struct Type;
  struct Outbox;

  io::Task<> stream_for_ever();
  io::Task<> one_stream();
  io::Task<> receive_responses(http::GrpcCall& call, Outbox& outbox, io::Scope& scope);
  std::string subscription(const Type& type) const;
  std::vector<XdsRejection> take(const Response& response);
  Type* type_of(const Response& response);
  io::Duration pause_after(const Response& response, bool refused);
  void note_ready();
  io::Duration next_delay();

  io::Loop& loop_;
  Rng& rng_;
  XdsNode node_;
  XdsCallbacks callbacks_;
  XdsOptions options_;
  http::GrpcChannel channel_;
  std::vector<Type> types_;  // in the order in which they are asked for
  obs::RateLimitedLog log_{{.level = obs::Level::warn, .scope = "xds"}};
  io::Duration delay_{};
  bool connected_ = false;      // there is a stream now
  bool opened_ = false;         // the present or last attempt got a stream
  bool took_response_ = false;  // and a response on it
  bool routine_end_ = false;    // and it ended as control planes end streams to recycle them
  bool ready_ = false;
};

}  // namespace culvert::control
