// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/proxy/zds_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "ztunnel/lib/obs/log.h"

namespace culvert::proxy {

namespace {

constexpr std::string_view kScope = "proxy::zds";

// Failures of the first 300 ms are not logged, and then one a minute: an absent agent must not fill
// the log.
constexpr io::Duration kLogFrom = std::chrono::milliseconds(300);
constexpr std::chrono::seconds kLogInterval{60};

}  // namespace

io::Task<> ZdsClient::run() {
  io::Duration backoff = kBackoffMin;
  obs::RateLimitedLog log(
      {.level = obs::Level::warn, .scope = std::string(kScope), .interval = kLogInterval});
  for (;;) {
    auto ended = co_await as_result(session());
    if (state_ == State::synced && loop_.now() - synced_at_ >= kSettledAfter) {
      backoff = kBackoffMin;
    }
    const bool was_connected = state_ != State::disconnected;
    state_ = State::disconnected;
    if (!ended && ended.error().code == Errc::cancelled) {
      co_await fail(ended.error());
    }
    if (was_connected) {
      on_lost_();
    }
    if (!ended && (was_connected || backoff >= kLogFrom)) {
      log.log(loop_.now(), was_connected ? "lost" : "absent",
              "no session with the agent; pods are served as they are", {{"error", ended.error()}});
    }
    co_await loop_.sleep(backoff);
    backoff = std::min(backoff * 2, kBackoffMax);
  }
}

io::Task<> ZdsClient::session() {
  const Fd socket = co_await net::connect_unix_fd(socket_path_, net::UnixType::seqpacket);
  const std::string hello = control::encode_hello({.takes_listeners = true});
  co_await net::send_message(loop_, socket.get(), as_bytes(hello));
  state_ = State::connected;
  mentioned_.clear();
  for (;;) {
    auto message = co_await net::receive_message(loop_, socket.get(), control::kZdsPacketBytesMax);
    if (!message) {
      co_await fail(Errc::closed, fmt::format("the agent closed {}", socket_path_), Side::control);
      co_return;
    }
    const std::string ack = control::encode_ack(co_await answer(std::move(*message)));
    co_await net::send_message(loop_, socket.get(), as_bytes(ack));
  }
}

io::Task<std::string> ZdsClient::answer(net::Message message) {
  auto request = co_await control::decode_request(as_text(message.bytes));
  const bool is_add = std::holds_alternative<control::ZdsAdd>(request);
  if (!is_add && !message.fds.empty()) {
    co_await fail(Errc::protocol, "ZDS: descriptors came with a message that has none",
                  Side::control);
  }
  co_await mention(request);
  Result<> done;
  if (auto* add = std::get_if<control::ZdsAdd>(&request)) {
    auto pod = to_pod(std::move(*add), std::move(message.fds));
    done = pod ? co_await as_result(keeper_.add(std::move(*pod))) : fail(std::move(pod).error());
  } else if (auto* del = std::get_if<control::ZdsDel>(&request)) {
    done = co_await as_result(keeper_.remove(std::move(del->uid)));
  } else if (std::holds_alternative<control::ZdsSnapshotSent>(request)) {
    done = co_await as_result(keeper_.keep_only(std::exchange(mentioned_, {})));
    state_ = State::synced;
    synced_at_ = loop_.now();
  }
  if (!done && done.error().code == Errc::cancelled) {
    co_return fail(done.error());
  }
  co_return done ? std::string() : to_string(done.error());
}

// A session is all pods, SnapshotSent once, then changes. A second SnapshotSent would name no pod
// and so take all of them away.
Result<> ZdsClient::mention(const control::ZdsRequest& request) {
  const auto* add = std::get_if<control::ZdsAdd>(&request);
  const auto* keep = std::get_if<control::ZdsKeep>(&request);
  const bool is_end = std::holds_alternative<control::ZdsSnapshotSent>(request);
  if (state_ == State::synced) {
    return keep == nullptr && !is_end
               ? Result<>()
               : fail(Errc::protocol, "ZDS: Keep or SnapshotSent after the snapshot",
                      Side::control);
  }
  if (mentioned_.size() >= kPodsMax) {
    return fail(Errc::limit, fmt::format("ZDS: more than {} pods in one snapshot", kPodsMax),
                Side::control);
  }
  if (add != nullptr || keep != nullptr) {
    mentioned_.insert(add != nullptr ? add->uid : keep->uid);
  }
  return {};
}

Result<ZdsPod> ZdsClient::to_pod(control::ZdsAdd add, std::vector<Fd> fds) const {
  if (fds.size() != control::kZdsFdsPlain && fds.size() != control::kZdsFdsWithListeners) {
    return fail(Errc::protocol,
                fmt::format("ZDS Add of {}: {} descriptors instead of 1 or 4", add.uid, fds.size()),
                Side::control);
  }
  ZdsPod pod{.uid = std::move(add.uid),
             .workload = std::move(add.workload),
             .netns = std::move(fds[0]),
             .listeners = std::nullopt};
  if (fds.size() == control::kZdsFdsWithListeners) {
    pod.listeners.emplace(
        std::array<Fd, 3>{std::move(fds[1]), std::move(fds[2]), std::move(fds[3])});
  }
  return pod;
}

}  // namespace culvert::proxy
