// Reflector: keeps somebody told of all objects of one kind, by a list and then by watches, for as
// long as it runs and whatever the API server does meanwhile. The word and the behaviour are
// client-go's (tools/cache/reflector.go); what differs is in README.md.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "agent/kube/client.h"

namespace culvert::kube {

// Who is told. All are called on the loop, never inside each other, and must not suspend; objects
// are borrowed for the length of the call. Every object has apiVersion and kind, also those of
// lists; metadata.managedFields is left out.
struct Consumer {
  // A list: what it holds replaces everything that was known. It may come in many pages, and a
  // begin may come again without an end: then the list before it counts for nothing, and what was
  // known before stays in force.
  std::function<void()> on_replace_begin;
  std::function<void(const nlohmann::json& object)> on_replace_item;
  std::function<void()> on_replace_end;
  // What happened since. `on_changed` gives the new state of an object, whether it was known or
  // not; `on_deleted` the last state of one that is gone.
  std::function<void(const nlohmann::json& object)> on_changed;
  std::function<void(const nlohmann::json& object)> on_deleted;
  // status() differs from what it was.
  std::function<void()> on_status = [] {};
};

struct ReflectorOptions {
  Resource resource;
  std::string in_namespace = {};  // empty: all
  // fieldSelector or labelSelector: {{"fieldSelector", "spec.nodeName=node-1"}}.
  Query selectors = {};
};

enum class Presence : std::uint8_t {
  unknown,  // no list came to its end yet
  present,  // the consumer was given a whole list
  absent,   // the API server does not know the resource (a CRD that is not installed)
};

struct ReflectorStatus {
  Presence presence = Presence::unknown;
  bool watching = false;   // a watch is open now: what is known is fresh
  std::string error = {};  // why not, one sentence; empty while all is well
  io::TimePoint since{};   // when `watching` last changed

  // synced: the consumer knows the whole of it, perhaps not the latest. Stays once it was true.
  bool synced() const { return presence != Presence::unknown; }
};

class Reflector {
 public:
  // `client` must outlive run().
  Reflector(io::Loop& loop, Rng& rng, Client& client, ReflectorOptions options, Consumer consumer);

  // run lists, watches, and after whatever ends that goes on, until it is cancelled. Never fails
  // otherwise.
  io::Task<> run();

  const Resource& resource() const { return options_.resource; }
  const ReflectorStatus& status() const { return status_; }

 private:
  io::Loop& loop_;
  Rng& rng_;
  Client& client_;
  ReflectorOptions options_;
  Consumer consumer_;
  ReflectorStatus status_;
};

}  // namespace culvert::kube
