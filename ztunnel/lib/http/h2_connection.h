// H2Connection: an HTTP/2 connection, as client or server, over a stream that it owns. Flow control
// keeps one stream's sleeping reader from stalling others and bounds what all of them can make us
// hold (limits.h). RFC 9113; nghttp2 does the framing.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include "ztunnel/lib/http/h2_stream.h"
#include "ztunnel/lib/http/headers.h"
#include "ztunnel/lib/http/limits.h"
#include "ztunnel/lib/io/loop.h"
#include "ztunnel/lib/net/stream.h"

namespace culvert::http {

enum class H2Role : std::uint8_t { client, server };

struct H2Options {
  std::uint32_t streams_max = kStreamsMax;                    // that the peer may have open
  std::uint64_t resets_per_second_max = kResetsPerSecondMax;  // by the peer, after the burst
  io::Duration ping_interval = kPingInterval;
  io::Duration ping_timeout = kPingTimeout;
  io::Duration settings_timeout = kSettingsTimeout;
  // on_refused is told of each stream that the peer broke a rule on and that the connection
  // therefore answered or reset by itself: accept() never shows it, or its tasks fail. Must not
  // suspend.
  std::function<void(const Error&)> on_refused;
};

// The owner spawns run() in its scope and keeps the connection alive until run() and all other
// tasks of it have ended. Streams may outlive it. One loop's thread only.
class H2Connection {
 public:
  H2Connection(io::Loop& loop, std::unique_ptr<net::Stream> transport, H2Role role,
               H2Options options = {});
  H2Connection(const H2Connection&) = delete;
  H2Connection& operator=(const H2Connection&) = delete;
  ~H2Connection();

  // run reads and writes until the connection ends; all its streams have ended then. Succeeds when
  // the end was orderly: after a GOAWAY of either side, or by end of stream while no stream was
  // open. Fails with `timed_out` for a dead or silent peer, `protocol` for one that broke the rules
  // or flooded us, `closed` when the transport ended under open streams, or the transport's error.
  io::Task<> run();

  // open starts a stream with `request` (pseudo headers first, e.g. :method CONNECT and :authority)
  // and returns without waiting for an answer; H2Stream::response() does that. Suspends while the
  // peer's MAX_CONCURRENT_STREAMS is reached. Fails with `unavailable` once the connection takes no
  // more streams (GOAWAY of either side, or its end): open it on another one. Client only.
  io::Task<std::unique_ptr<H2Stream>> open(HeaderList request, bool end_stream = false);

  // accept waits for the next request; null when no more will come. Server only, one at a time.
  io::Task<std::unique_ptr<H2Stream>> accept();

  // drain ends the connection gracefully and returns when the last stream has ended. A server says
  // GOAWAY in two steps (RFC 9113 §6.8): streams that were under way when the first one arrives are
  // still accepted. Cancel it to stop waiting.
  io::Task<> drain();

  // shutdown ends the connection now: GOAWAY, all streams fail with `closed`, run() ends.
  void shutdown();

  // takes_streams is false from the moment when open() would fail.
  bool takes_streams() const;
  // stream_count counts open streams, also those that peers opened and nobody accepted yet.
  std::size_t stream_count() const;
  // free_slots is how many streams open() would start without waiting.
  std::size_t free_slots() const;
  // settings_received: the peer's SETTINGS have come; what is known of its limits before is a
  // guess.
  bool settings_received() const;
  // await_settings returns when they have come, or the connection has ended.
  io::Task<> await_settings();
  // peer_streams_max is the peer's MAX_CONCURRENT_STREAMS.
  std::size_t peer_streams_max() const;
  // buffered_bytes is what arrived and was not read yet, over all streams.
  std::size_t buffered_bytes() const;

 private:
  struct Fibers;
  std::unique_ptr<Fibers> fibers_;
};

}  // namespace culvert::http
