// H2Session: the state of one HTTP/2 connection between bytes and streams: what nghttp2 keeps, and
// ours. It does no I/O: H2Connection feeds it and writes what it makes. Private to this room.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>

#include "ztunnel/lib/http/h2_connection.h"
#include "ztunnel/lib/http/output_buffer.h"
#include "ztunnel/lib/io/event.h"

struct nghttp2_session;

namespace culvert::http {

class H2Session {
 public:
  H2Session(H2Role role, const H2Options& options);
  H2Session(const H2Session&) = delete;
  H2Session& operator=(const H2Session&) = delete;
  ~H2Session();

  // receive takes bytes of the peer. Fails with `protocol`.
  Result<> receive(Bytes bytes);
  // fill appends waiting frames to output(), until it is full.
  Result<> fill();
  OutputBuffer& output() { return output_; }
  // over: nothing more to read and nothing to write (after a GOAWAY, when all streams have ended).
  bool over() const;
  // violation is why we ended the connection, if the peer broke the rules.
  const std::optional<Error>& violation() const { return violation_; }

  std::unique_ptr<H2Stream> open(const HeaderList& request, bool end_stream);
  // next_accepted gives a stream whose request is complete, or null.
  std::unique_ptr<H2Stream> next_accepted();
  bool accepts_more() const { return !ended_ && !goaway_sent_; }

  void ping();
  void announce_goaway();  // step one: no number yet
  void goaway();           // step two, or the only one
  void terminate();
  // end fails all streams with `error`; the session is of no use afterwards.
  void end(const Error& error);

  bool takes_streams() const;
  std::size_t peer_streams_max() const;
  std::size_t free_slots() const;
  std::size_t stream_count() const { return stream_count_; }
  std::size_t buffered_bytes() const { return buffered_bytes_; }
  bool settings_received() const { return settings_received_; }
  bool ended() const { return ended_; }
  std::uint64_t pongs() const { return pongs_; }
  bool draining() const { return draining_; }
  void refuse_new() {
    draining_ = true;
    slot_free.notify_all();
  }

  io::Event output_wanted;  // there may be frames to write
  io::Event slot_free;      // open() may go on
  io::Event arrived;        // accept() may go on
  io::Event progress;       // SETTINGS or a pong came, a stream ended, the session ended

 private:
  friend class H2Stream;
  friend struct H2Callbacks;

  // What H2Stream asks for.
  void respond(H2Stream& stream, int status, const HeaderList& headers, bool end_stream);
  void resume(const H2Stream& stream);
  void send_trailers(H2Stream& stream);
  void taken(H2Stream& stream, std::size_t bytes);
  void reset(H2Stream& stream, ResetCode code);
  void want_output();
  void refused(std::int32_t stream_id, std::string what);

  // refuse_unsent fails requests that wait in nghttp2 because the peer's SETTINGS allow fewer
  // streams than were opened before they came.
  void refuse_unsent();

  void link(H2Stream& stream);
  void unlink(H2Stream& stream);

  H2Role role_;
  nghttp2_session* session_ = nullptr;
  OutputBuffer output_;
  std::optional<Error> violation_;
  std::function<void(const Error&)> on_refused_;
  std::string reason_;  // nghttp2's own words for the last broken rule

  std::size_t stream_count_ = 0;  // known to nghttp2 or to be
  std::size_t wide_streams_ = 0;
  std::size_t buffered_bytes_ = 0;
  H2Stream* first_ = nullptr;  // all streams that have not ended
  // Requests nobody accepted yet, by number; the last one's headers may be incomplete.
  std::map<std::int32_t, std::unique_ptr<H2Stream>> unaccepted_;

  bool settings_received_ = false;
  bool goaway_received_ = false;
  bool goaway_sent_ = false;
  bool draining_ = false;
  bool ended_ = false;
  std::uint64_t pongs_ = 0;
};

}  // namespace culvert::http
