// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/control/xds_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <unordered_map>

#include "ztunnel/lib/control/proto/discovery.pb.h"
#include "ztunnel/lib/io/timeout.h"

namespace culvert::control {
namespace {

using envoy::service::discovery::v3::DeltaDiscoveryRequest;
using envoy::service::discovery::v3::DeltaDiscoveryResponse;

constexpr const char* kMethod =
    "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";

// How many rejections a NACK spells out; the rest is counted.
constexpr std::size_t kRejectionsSpelled = 20;

void fill_node(envoy::config::core::v3::Node& out, const XdsNode& node) {
  const std::string ip = node.instance_ip.empty() ? "1.1.1.1" : node.instance_ip;
  out.set_id(fmt::format("ztunnel~{}~{}.{}~{}.svc.cluster.local", ip, node.pod_name,
                         node.pod_namespace, node.pod_namespace));
  auto& fields = *out.mutable_metadata()->mutable_fields();
  for (const auto& [key, value] : node.metadata) {
    fields[key].set_string_value(value);
  }
  fields["NAME"].set_string_value(node.pod_name);
  fields["NAMESPACE"].set_string_value(node.pod_namespace);
  fields["INSTANCE_IPS"].set_string_value(ip);
  fields["NODE_NAME"].set_string_value(node.node_name);
  fields["CLUSTER_ID"].set_string_value(node.cluster_id);
}

std::string spelled(const std::vector<XdsRejection>& rejections) {
  std::string text;
  for (std::size_t i = 0; i < std::min(rejections.size(), kRejectionsSpelled); ++i) {
    text += (i == 0 ? "" : "; ") + rejections[i].name + ": " + rejections[i].reason;
  }
  if (rejections.size() > kRejectionsSpelled) {
    text += fmt::format("; and {} more", rejections.size() - kRejectionsSpelled);
  }
  if (text.size() > kXdsRefusalBytesMax) {
    std::size_t cut = kXdsRefusalBytesMax;
    while ((text[cut] & 0xc0) == 0x80) {
      --cut;  // between two characters: a protobuf string must be UTF-8
    }
    text.resize(cut);
    text += "…";
  }
  return text;
}

// Ends that are the control plane's routine and no trouble: istiod recycles its connections about
// every half hour (wire-facts §3.3).
bool is_routine(const http::GrpcStatus& status) {
  switch (status.code) {
    case http::GrpcCode::unknown:
    case http::GrpcCode::cancelled:
    case http::GrpcCode::deadline_exceeded: return true;
    case http::GrpcCode::unavailable:
      return status.message.find("transport is closing") != std::string::npos ||
             status.message.find("received prior goaway") != std::string::npos;
    default: return false;
  }
}

// Shows that a stream is there for as long as it is.
class Connected {
 public:
  explicit Connected(bool& flag) : flag_(flag) { flag_ = true; }
  Connected(const Connected&) = delete;
  Connected& operator=(const Connected&) = delete;
  ~Connected() { flag_ = false; }

 private:
  bool& flag_;
};

std::string acknowledgement(const DeltaDiscoveryResponse& response,
                            const std::vector<XdsRejection>& rejections) {
  DeltaDiscoveryRequest request;
  request.set_type_url(response.type_url());
  request.set_response_nonce(response.nonce());
  if (!rejections.empty()) {
    request.mutable_error_detail()->set_code(static_cast<int>(http::GrpcCode::invalid_argument));
    request.mutable_error_detail()->set_message(spelled(rejections));
  }
  return request.SerializeAsString();
}

http::GrpcChannelOptions without_backoff(http::GrpcChannelOptions options) {
  options.channel.backoff_first = {};  // run() has its own
  options.message_bytes_max = kXdsMessageBytesMax;
  return options;
}

}  // namespace

struct XdsClient::Type {
  std::string url;
  std::unordered_map<std::string, std::string> versions;  // by name: what we have
  bool answered = false;                                  // once, since the start
  io::Duration refusal_pause{};                           // of the last push; zero: it was taken
};

// What waits to be sent. A fiber of its own sends, so that responses are read meanwhile: a server
// that first sends all it has, and reads then, would otherwise wait for us as we for it.
struct XdsClient::Outbox {
  std::deque<std::string> requests;
  io::Event filled;
  io::Event sent;

  void put(std::string request) {
    requests.push_back(std::move(request));
    filled.notify_all();
  }

  static io::Task<> send_all(http::GrpcCall& call, Outbox& outbox) {
    for (;;) {
      while (outbox.requests.empty()) {
        co_await outbox.filled.wait();
      }
      std::string request = std::move(outbox.requests.front());
      outbox.requests.pop_front();
      if (auto taken = co_await io::as_result(call.send(std::move(request))); !taken) {
        co_return;  // the receiving side sees the end too, and why
      }
      outbox.sent.notify_all();
    }
  }

  static io::Task<> await_room(Outbox& outbox) {
    while (outbox.requests.size() >= kXdsUnsentMax) {
      co_await outbox.sent.wait();
    }
  }
};

XdsClient::XdsClient(io::Loop& loop, Rng& rng, http::GrpcChannel::Dial dial, XdsNode node,
                     XdsCallbacks callbacks, XdsOptions options)
    : loop_(loop),
      rng_(rng),
      node_(std::move(node)),
      callbacks_(std::move(callbacks)),
      options_(std::move(options)),
      channel_(loop, rng, std::move(dial), without_backoff(options_.channel)) {
  types_.push_back({.url = kAddressType});
  types_.push_back({.url = kAuthorizationType});
}

XdsClient::~XdsClient() = default;

io::Task<> XdsClient::run() {
  io::Scope scope(loop_);
  scope.spawn(channel_.run());
  scope.spawn(stream_for_ever());
  co_await scope.join();
}

io::Task<> XdsClient::stream_for_ever() {
  for (;;) {
    opened_ = took_response_ = routine_end_ = false;
    const auto began = loop_.now();
    auto ended = co_await io::as_result(one_stream());
    if (!ended && ended.error().code == Errc::cancelled) {
      co_await std::move(ended);
    }
    callbacks_.on_termination(ended     ? XdsTermination::clean_end
                              : opened_ ? XdsTermination::stream_failed
                                        : XdsTermination::connect_failed);
    const bool settled = loop_.now() - began >= kXdsSettledAfter;
    if (settled && (took_response_ || routine_end_)) {
      delay_ = {};
    }
    // A server that ends each stream before it said anything must not be asked in a loop.
    if (settled && ended && took_response_) {
      obs::log(obs::Level::info, "xds", "the control plane ended the stream; reconnecting");
      continue;
    }
    const io::Duration wait = next_delay();
    const std::string why = !ended ? to_string(ended.error())
                            : took_response_
                                ? "the control plane ended the stream at once"
                                : "the control plane ended the stream without a response";
    log_.log(loop_.now(), "no stream", "no stream to the control plane; trying again",
             {{"error", why}, {"in", std::chrono::duration_cast<std::chrono::milliseconds>(wait)}});
    co_await loop_.sleep(wait);
  }
}

io::Task<> XdsClient::one_stream() {
  http::GrpcCall call = co_await channel_.call(kMethod, options_.metadata);
  opened_ = true;
  const Connected connected(connected_);
  Outbox outbox;
  for (const Type& type : types_) {
    outbox.put(subscription(type));
  }
  io::Scope scope(loop_);
  scope.spawn(Outbox::send_all(call, outbox));
  scope.spawn(receive_responses(call, outbox, scope));
  auto ended = co_await io::as_result(scope.join());
  if (!ended && call.status()) {
    routine_end_ = is_routine(*call.status());
  }
  co_await std::move(ended);
}

io::Task<> XdsClient::receive_responses(http::GrpcCall& call, Outbox& outbox, io::Scope& scope) {
  for (;;) {
    if (outbox.requests.size() >= kXdsUnsentMax) {
      co_await io::with_timeout(loop_, kXdsUnsentWait, "the control plane to read our answers",
                                Outbox::await_room(outbox));
    }
    auto message = co_await call.receive();
    if (!message) {
      break;
    }
    DeltaDiscoveryResponse response;
    if (!response.ParseFromString(*message)) {
      co_await fail(Errc::protocol, "the control plane sent what is no DeltaDiscoveryResponse",
                    Side::control);
    }
    callbacks_.on_message(type_of(response) == nullptr ? "other" : response.type_url(),
                          message->size());
    message.reset();  // it may be large, and all of it was copied into the response
    const auto rejections = take(response);
    took_response_ = true;
    note_ready();
    if (const auto pause = pause_after(response, !rejections.empty()); pause > io::Duration()) {
      co_await loop_.sleep(pause);
    }
    outbox.put(acknowledgement(response, rejections));
  }
  scope.cancel();
}

// The first request of each type on a stream: everything of that type, and what we have of it.
std::string XdsClient::subscription(const Type& type) const {
  DeltaDiscoveryRequest request;
  fill_node(*request.mutable_node(), node_);
  request.set_type_url(type.url);
  for (const auto& [name, version] : type.versions) {
    (*request.mutable_initial_resource_versions())[name] = version;
  }
  return request.SerializeAsString();
}

XdsClient::Type* XdsClient::type_of(const Response& response) {
  const auto type = std::ranges::find(types_, response.type_url(), &Type::url);
  return type == types_.end() ? nullptr : &*type;
}

// How long the answer to a response waits: not at all, unless the one before was refused too.
io::Duration XdsClient::pause_after(const Response& response, bool refused) {
  Type* const type = type_of(response);
  if (type == nullptr || !refused) {
    if (type != nullptr) {
      type->refusal_pause = {};
    }
    return {};
  }
  const io::Duration pause = type->refusal_pause;
  type->refusal_pause =
      std::clamp<io::Duration>(pause * 2, kXdsRefusalPauseFirst, kXdsRefusalPauseMax);
  return pause;
}

std::vector<XdsRejection> XdsClient::take(const Response& response) {
  Type* const type = type_of(response);
  if (type == nullptr) {
    log_.log(loop_.now(), "other type", "a type that was not asked for was ignored",
             {{"type", response.type_url()}});
    return {};  // acknowledged, as ztunnel does
  }
  std::vector<XdsResource> resources;
  resources.reserve(static_cast<std::size_t>(response.resources_size()));
  for (const auto& resource : response.resources()) {
    resources.push_back({.name = resource.name(),
                         .version = resource.version(),
                         .value = as_bytes(resource.resource().value())});
  }
  const std::vector<std::string> removed(response.removed_resources().begin(),
                                         response.removed_resources().end());
  const auto rejections = callbacks_.on_update(type->url, resources, removed);

  for (const XdsResource& resource : resources) {
    type->versions[resource.name] = resource.version;
  }
  // What was rejected is not had: the next stream asks for it again.
  for (const XdsRejection& rejection : rejections) {
    type->versions.erase(rejection.name);
  }
  if (!rejections.empty()) {
    log_.log(loop_.now(), type->url, "resources were refused; the rest of the push is in force",
             {{"type", type->url}, {"refused", rejections.size()}, {"error", spelled(rejections)}});
  }
  for (const std::string& name : removed) {
    type->versions.erase(name);
  }
  type->answered = true;
  return rejections;
}

void XdsClient::note_ready() {
  if (!ready_ && std::ranges::all_of(types_, &Type::answered)) {
    ready_ = true;
    callbacks_.on_ready();
  }
}

io::Duration XdsClient::next_delay() {
  delay_ = std::min(std::max(options_.backoff_first, delay_ * 2), options_.backoff_max);
  const auto half = static_cast<std::uint64_t>(delay_.count()) / 2;
  return io::Duration(half + rng_.below(half + 1));  // jitter: nodes must not come in step
}

}  // namespace culvert::control
