// Events: what the signer says on objects of the cluster, for people who look at them with kubectl.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>

#include "agent/kube/client.h"
#include "agent/signer/fields.h"

namespace culvert::signer {

// The same words on the same object come again when they still hold; Events live an hour.
inline constexpr std::chrono::minutes kSayAgain{10};

class Events {
 public:
  using Clock = std::function<std::chrono::system_clock::time_point()>;

  // `client` must outlive all tasks of it.
  Events(io::Loop& loop, kube::Client& client, Clock clock)
      : loop_(loop), client_(client), clock_(std::move(clock)) {}

  // warn makes an Event on `object` and a line in the log, unless it said so lately. All replicas
  // of the signer give it the same name, so that one of them is heard. An Event that can't be made
  // is logged; only `cancelled` is a failure.
  io::Task<> warn(Json object, std::string reason, std::string sentence);

 private:
  io::Loop& loop_;
  kube::Client& client_;
  Clock clock_;
  std::map<std::string, io::TimePoint> said_;  // by the Event's name
};

}  // namespace culvert::signer
