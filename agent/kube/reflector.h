// Reflector: keeps somebody told of all objects of one kind, by a list and then by watches, for as
// long as it runs and whatever the API server does meanwhile. The word and the behaviour are
// client-go's (tools/cache/reflector.go); what differs is in README.md.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "agent/kube/client.h"
#include "ztunnel/lib/obs/log.h"

namespace culvert::kube {

// Items of a page, as client-go and kubectl ask for.
inline constexpr int kPageItems = 500;
// A page takes no longer: kube-apiserver gives up its own requests after a minute.
inline constexpr std::chrono::seconds kPageDeadline{60};
// How long a watch is asked for: drawn from five to ten minutes, as client-go does it, so that
// watches move on to other API servers, and not all at once.
inline constexpr std::chrono::seconds kWatchLeast{300};
inline constexpr std::chrono::seconds kWatchMost{600};
// A watch that goes on longer than was asked has a server that forgot it.
inline constexpr std::chrono::seconds kWatchOverdue{30};
// A watch that stood so long was well: whatever ends it, the next one comes at once.
inline constexpr std::chrono::seconds kWatchSettled{1};
// After a failure, doubled each time, with jitter. The longest is as short as a connection's, for
// the same reason.
inline constexpr std::chrono::milliseconds kReflectBackoffFirst{500};
inline constexpr std::chrono::seconds kReflectBackoffMax{10};
// How often it is looked whether a resource that was not there (its CRD) is there now.
inline constexpr std::chrono::seconds kAbsentInterval{30};

// Who is told. All are called on the loop and must not suspend; objects are borrowed for the length
// of the call. Every object has apiVersion and kind, those of lists too; metadata.managedFields is
// left out.
struct Consumer {
  // A list: what it holds replaces everything that was known. It may come in many pages, and a
  // begin may come again without an end: then the list before it counts for nothing, and what was
  // known before stays in force.
  std::function<void()> on_replace_begin;
  std::function<void(const nlohmann::json& object)> on_replace_item;
  std::function<void()> on_replace_end;
  // What happened since: the new state of an object, whether it was known or not; the last state of
  // one that is gone.
  std::function<void(const nlohmann::json& object)> on_changed;
  std::function<void(const nlohmann::json& object)> on_deleted;
  // status() differs from what it was.
  std::function<void()> on_status = [] {};
};

struct ReflectorOptions {
  Resource resource;
  std::string in_namespace = {};  // empty: all
  // fieldSelector, labelSelector: {{"fieldSelector", "spec.nodeName=node-1"}}.
  Query selectors = {};
  // Every API server knows the resource. One that says 404 is none, or not ready: that is a failure
  // like any other, and what was known stays.
  bool built_in = false;
};

enum class Presence : std::uint8_t {
  unknown,  // no list came to its end yet
  present,  // the consumer was given a whole list
  absent,   // the API server does not know the resource (a CRD that is not installed); the consumer
            // was given an empty list
};

struct ReflectorStatus {
  Presence presence = Presence::unknown;
  bool fresh = false;      // a watch is open: what is known is what there is
  std::string error = {};  // why it is not fresh, one sentence; empty at the start and when absent

  // synced: the consumer knows the whole of it, if perhaps not the latest. Once true it stays so.
  bool synced() const { return presence != Presence::unknown; }
  bool operator==(const ReflectorStatus&) const = default;
};

class Reflector {
 public:
  // `client` must outlive run().
  Reflector(io::Loop& loop, Rng& rng, Client& client, ReflectorOptions options, Consumer consumer);

  // run lists, watches, and goes on after whatever ends that, until it is cancelled.
  io::Task<> run();

  const Resource& resource() const { return options_.resource; }
  const ReflectorStatus& status() const { return status_; }

 private:
  io::Task<> list_and_watch();
  io::Task<> list();
  io::Task<std::string> list_page(Query query, bool is_first);
  io::Task<> watch();
  Result<> take_item(std::string_view text);
  Result<> take_event(std::string_view text);

  io::Duration after(const Result<>& ended);
  io::Duration after_not_found(const Error& error);
  io::Duration next_delay();
  io::Duration jittered(io::Duration duration);
  void show_failure(const Error& error);
  void show(ReflectorStatus status);
  Query with_selectors(Query query) const;

  io::Loop& loop_;
  Rng& rng_;
  Client& client_;
  ReflectorOptions options_;
  Consumer consumer_;
  std::string path_;
  ReflectorStatus status_;
  obs::RateLimitedLog log_{{.level = obs::Level::warn, .scope = "kube"}};

  std::string version_;       // resourceVersion that the next watch starts from; empty: list
  bool in_one_page_ = false;  // the next list: the last one's pages expired
  std::optional<io::TimePoint> watching_since_;  // the present or last watch
  bool took_event_ = false;                      // it brought something
  bool expired_before_ = false;                  // 410 was the last answer, nothing good since
  bool missing_before_ = false;                  // 404 was, of a resource that was there
  io::Duration delay_{};
};

}  // namespace culvert::kube
