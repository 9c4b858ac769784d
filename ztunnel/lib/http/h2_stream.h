// H2Stream: one stream of an HTTP/2 connection as a net::Stream, with the headers that precede its
// bytes and the trailers that follow them. RFC 9113 §5.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "ztunnel/lib/http/byte_queue.h"
#include "ztunnel/lib/http/headers.h"
#include "ztunnel/lib/io/event.h"
#include "ztunnel/lib/net/stream.h"

namespace culvert::http {

class H2Session;

// Error codes of RST_STREAM that we send (RFC 9113 §7).
enum class ResetCode : std::uint32_t {
  no_error = 0x0,
  internal_error = 0x2,
  refused_stream = 0x7,
  cancel = 0x8,
  connect_error = 0xa,  // the tunnelled TCP connection was reset (RFC 9113 §8.5)
};

// An H2Stream may be destroyed at any time, also after its connection: a stream that has not ended
// is then reset, with NO_ERROR when our side had ended (the answer is complete, we want no more)
// and with CONNECT_ERROR otherwise. Its tasks must have ended before.
class H2Stream final : public net::Stream {
 public:
  ~H2Stream() override;

  // request gives the request's headers, with their pseudo headers. Of an accepted stream.
  const HeaderList& request() const { return headers_; }

  // respond sends the response's headers, once, on an accepted stream; `:status` goes first. With
  // `end_stream` it returns when they are on their way, so that the stream can be destroyed at
  // once; without, it does not suspend. Fails with `closed` when the stream has ended.
  io::Task<> respond(int status, HeaderList headers = {}, bool end_stream = false);

  // response waits for the response's headers, of an opened stream. Bytes may be written before:
  // they ride right behind the request. Fails with `unavailable` when the peer refused the stream
  // without looking at it (REFUSED_STREAM, or GOAWAY below its number: safe to try again
  // elsewhere), with `closed` when it was reset or the connection ended, with `limit` on too long
  // headers.
  io::Task<HeaderList> response();

  // read_some returns 0 at END_STREAM, and when the peer ends the stream with RST_STREAM of
  // NO_ERROR or CANCEL, as ztunnel peers do for a cancelled task; any other RST_STREAM is `closed`.
  // Bytes that arrived before a reset are still read before it is reported, as in TCP.
  io::Task<std::size_t> read_some(MutableBytes into) override;

  // write_all returns when `from` was copied to the connection's output. Fails with `closed` after
  // any RST_STREAM of the peer, with what ended the connection if that is the cause.
  io::Task<> write_all(Bytes from) override;

  // shutdown_write returns when END_STREAM is on its way.
  io::Task<> shutdown_write() override;

  // finish ends our side as shutdown_write does, with trailers.
  io::Task<> finish(HeaderList trailers);

  // reset sends RST_STREAM with CONNECT_ERROR, or another code.
  void reset() override { reset(ResetCode::connect_error); }
  void reset(ResetCode code);

  bool broken() const override { return failure_.has_value(); }

  // trailers gives what came after the last byte; empty before read_some returned 0.
  const HeaderList& trailers() const { return trailers_; }

  std::int32_t id() const { return id_; }

 private:
  friend class H2Session;
  friend struct H2Callbacks;
  friend class PendingRead;
  friend class PendingWrite;
  H2Stream(H2Session& session, std::int32_t id);

  void take(Bytes arrived);                    // bytes of a DATA frame
  void close(Error error, bool ends_cleanly);  // no more frames will come or go
  void notify_all();
  io::Task<> await_end_sent();
  Error gone() const;

  H2Session* session_;  // null once the stream is closed or the connection gone
  std::int32_t id_;
  bool request_sent_ = false;  // client: nghttp2 made frames of it
  bool headers_complete_ = false;
  bool end_received_ = false;  // END_STREAM, or a reset that reads as one
  bool end_wanted_ = false;    // shutdown_write or finish was called
  bool end_sent_ = false;
  bool response_sent_ = false;
  bool wide_window_ = false;
  std::size_t header_bytes_ = 0;
  std::size_t read_total_ = 0;  // until the window is wide

  HeaderList headers_;
  HeaderList trailers_;
  std::optional<HeaderList> trailers_to_send_;
  std::optional<Error> failure_;  // why reading or writing fails from now on

  MutableBytes reading_;  // the rest of a waiting reader's buffer
  bool reader_waits_ = false;
  Bytes writing_;  // the rest of a waiting writer's bytes
  bool writer_waits_ = false;
  ByteQueue received_;
  io::Event readable_;
  io::Event writable_;

  H2Stream* previous_ = nullptr;  // in the session's list of open streams
  H2Stream* next_ = nullptr;
};

}  // namespace culvert::http
