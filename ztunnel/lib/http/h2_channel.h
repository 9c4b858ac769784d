// H2Channel: a client's way to one server: a connection that is made when somebody needs it, and
// made anew when it has ended or takes no more streams. What is asked over it is others' business
// (grpc.h; agent/kube).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "ztunnel/lib/base/rng.h"
#include "ztunnel/lib/http/h2_connection.h"
#include "ztunnel/lib/io/event.h"

namespace culvert::http {

struct H2ChannelOptions {
  std::string peer = "localhost";  // in errors: "connect to localhost: …"
  io::Duration connect_timeout = std::chrono::seconds(5);
  // After a failed connect the next one waits, twice as long each time and with jitter. Zero: the
  // caller has a backoff of its own.
  io::Duration backoff_first = std::chrono::milliseconds(10);
  io::Duration backoff_max = std::chrono::seconds(15);
  H2Options connection = {};
};

// The owner spawns run() and keeps the channel until run() and all other tasks of it have ended.
class H2Channel {
 public:
  using Dial = std::function<io::Task<std::unique_ptr<net::Stream>>()>;

  // `dial` connects, with TLS where that is wanted; it is called on the channel's loop, and what it
  // captures must outlive run().
  H2Channel(io::Loop& loop, Rng& rng, Dial dial, H2ChannelOptions options = {});

  // run connects and carries connections until it is cancelled. One that takes no more streams
  // (GOAWAY) lives on beside its successor until its last stream has ended.
  io::Task<> run();

  // connection gives the one that takes streams, to be used before the next suspension. Waits for
  // it where there is none; fails with `unavailable` and the cause when the next connect fails, as
  // do all who wait for it.
  io::Task<H2Connection*> connection();

  bool connected() const { return current_ != nullptr; }

 private:
  io::Task<> connect_for_ever(io::Scope& connections);
  io::Task<> back_off(Error failure);
  io::Task<> carry(std::unique_ptr<H2Connection> connection);

  io::Loop& loop_;
  Rng& rng_;
  Dial dial_;
  H2ChannelOptions options_;
  H2Connection* current_ = nullptr;  // owned by the frame of its carry()
  bool wanted_ = false;
  io::Duration backoff_{};
  std::uint64_t failures_ = 0;  // failed connects so far; a waiter compares
  std::optional<Error> failure_;
  io::Event wanted_event_;
  io::Event changed_;
};

}  // namespace culvert::http
