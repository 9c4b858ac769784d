// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/http/h2_callbacks.h"

#include <algorithm>

#include "ztunnel/lib/base/assert.h"

namespace culvert::http {
namespace {

H2Session& session_of(void* user) {
  return *static_cast<H2Session*>(user);
}

// Null when our handle of the stream is gone already.
H2Stream* stream_of(nghttp2_session* session, std::int32_t id) {
  return static_cast<H2Stream*>(nghttp2_session_get_stream_user_data(session, id));
}

bool ends_stream(const nghttp2_frame& frame) {
  return (frame.hd.type == NGHTTP2_DATA || frame.hd.type == NGHTTP2_HEADERS) &&
         (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
}

// The codes that nghttp2 resets streams with by itself; ours are those of ResetCode.
bool is_for_a_broken_rule(std::uint32_t code) {
  return code == NGHTTP2_PROTOCOL_ERROR || code == NGHTTP2_FLOW_CONTROL_ERROR ||
         code == NGHTTP2_STREAM_CLOSED || code == NGHTTP2_FRAME_SIZE_ERROR;
}

Error stream_error(Errc code, std::int32_t id, const std::string& what) {
  return Error{.code = code, .context = "HTTP/2 stream " + std::to_string(id) + ": " + what};
}

}  // namespace

void H2Callbacks::install(nghttp2_session_callbacks& callbacks) {
  nghttp2_session_callbacks_set_on_begin_headers_callback(&callbacks, on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(&callbacks, on_header);
  nghttp2_session_callbacks_set_on_invalid_header_callback(&callbacks, on_invalid_header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(&callbacks, on_frame_recv);
  nghttp2_session_callbacks_set_on_frame_send_callback(&callbacks, on_frame_send);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(&callbacks, on_data_chunk);
  nghttp2_session_callbacks_set_on_stream_close_callback(&callbacks, on_stream_close);
  nghttp2_session_callbacks_set_error_callback2(&callbacks, on_error);
  nghttp2_session_callbacks_set_data_source_read_length_callback(&callbacks, frame_length);
  nghttp2_session_callbacks_set_send_data_callback(&callbacks, send_body);
}

nghttp2_data_provider H2Callbacks::body() {
  return {.source = {.ptr = nullptr}, .read_callback = read_body};
}

void H2Callbacks::request_begins(H2Session& session, std::int32_t stream_id) {
  std::unique_ptr<H2Stream> stream(new H2Stream(session, stream_id));
  session.link(*stream);
  ++session.stream_count_;
  nghttp2_session_set_stream_user_data(session.session_, stream_id, stream.get());
  session.unaccepted_[stream_id] = std::move(stream);
}

void H2Callbacks::header(H2Stream& stream, Bytes name, Bytes value) {
  stream.header_bytes_ += name.size() + value.size() + 32;
  if (stream.header_bytes_ > kHeaderListBytesMax) {
    return;  // decoded, which HPACK needs, and forgotten; headers_received sees it
  }
  HeaderList& list = stream.headers_complete_ ? stream.trailers_ : stream.headers_;
  list.push_back({.name = std::string(as_text(name)), .value = std::string(as_text(value))});
}

void H2Callbacks::headers_received(H2Session& session, H2Stream& stream) {
  if (stream.headers_complete_) {
    return;  // trailers: they are read after the end
  }
  if (session.role_ == H2Role::server) {
    request_received(session, stream);
  } else {
    response_received(session, stream);
  }
}

void H2Callbacks::request_received(H2Session& session, H2Stream& stream) {
  if (stream.header_bytes_ > kHeaderListBytesMax) {
    session.respond(stream, 431, {}, /* end_stream= */ true);
    session.refused(stream.id_, "the request's headers exceed " +
                                    std::to_string(kHeaderListBytesMax) + " bytes");
    nghttp2_session_set_stream_user_data(session.session_, stream.id_, nullptr);
    session.unlink(stream);
    session.unaccepted_.erase(stream.id_);  // destroys it
    return;
  }
  stream.headers_complete_ = true;
  session.arrived.notify_one();
}

void H2Callbacks::response_received(H2Session& session, H2Stream& stream) {
  if (stream.header_bytes_ > kHeaderListBytesMax) {
    session.reset(stream, ResetCode::cancel);
    stream.close(stream_error(Errc::limit, stream.id_,
                              "the response's headers exceed " +
                                  std::to_string(kHeaderListBytesMax) + " bytes"),
                 /* ends_cleanly= */ false);
    return;
  }
  const std::string* status = find_header(stream.headers_, ":status");
  if (status != nullptr && status->starts_with('1')) {
    stream.headers_.clear();  // an interim response; the real one follows
    return;
  }
  stream.headers_complete_ = true;
  stream.readable_.notify_all();
}

void H2Callbacks::end_received(H2Stream& stream) {
  stream.end_received_ = true;
  stream.readable_.notify_all();
}

void H2Callbacks::end_sent(H2Stream& stream) {
  stream.end_sent_ = true;
  stream.writable_.notify_all();
}

// wire-facts §1.8: ztunnel's peers end a cancelled stream with CANCEL or NO_ERROR, which reads as
// an end; everything else, CONNECT_ERROR first, stands for a reset of the tunnelled connection.
void H2Callbacks::reset_received(H2Stream& stream, std::uint32_t code) {
  const bool clean = code == NGHTTP2_NO_ERROR || code == NGHTTP2_CANCEL;
  const std::string what = std::string("reset by the peer with ") + nghttp2_http2_strerror(code);
  const Errc errc = code == NGHTTP2_REFUSED_STREAM ? Errc::unavailable : Errc::closed;
  if (!stream.failure_) {
    stream.failure_ = stream_error(errc, stream.id_, what);
  }
  stream.end_received_ = stream.end_received_ || (clean && stream.headers_complete_);
}

void H2Callbacks::closed(H2Session& session, std::int32_t stream_id, std::uint32_t code) {
  if (session.ended_) {
    return;
  }
  --session.stream_count_;
  session.slot_free.notify_one();
  session.progress.notify_all();
  H2Stream* stream = stream_of(session.session_, stream_id);
  if (stream == nullptr) {
    return;
  }
  session.unlink(*stream);
  const bool orderly = code == NGHTTP2_NO_ERROR && stream->end_received_;
  if (!stream->failure_ && !orderly) {
    const bool refused = code == NGHTTP2_REFUSED_STREAM;
    const std::string what =
        refused ? "the peer goes away and did not look at it"
                : std::string("broken by the peer: ") + nghttp2_http2_strerror(code);
    stream->failure_ = stream_error(refused ? Errc::unavailable : Errc::protocol, stream_id, what);
  }
  stream->notify_all();
  session.unaccepted_.erase(stream_id);  // nobody saw it yet: nobody has to
}

int H2Callbacks::on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user) {
  if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
    request_begins(session_of(user), frame->hd.stream_id);
  }
  return 0;
}

int H2Callbacks::on_header(nghttp2_session* session, const nghttp2_frame* frame,
                           const std::uint8_t* name, std::size_t name_bytes,
                           const std::uint8_t* value, std::size_t value_bytes, std::uint8_t,
                           void*) {
  if (H2Stream* stream = stream_of(session, frame->hd.stream_id); stream != nullptr) {
    header(*stream, {name, name_bytes}, {value, value_bytes});
  }
  return 0;
}

// nghttp2 would leave out a header that is not allowed; what it means is then a guess, so the
// stream is reset with PROTOCOL_ERROR.
int H2Callbacks::on_invalid_header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t*,
                                   std::size_t, const std::uint8_t*, std::size_t, std::uint8_t,
                                   void*) {
  return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

int H2Callbacks::on_frame_recv(nghttp2_session* raw, const nghttp2_frame* frame, void* user) {
  H2Session& session = session_of(user);
  const bool is_ack = (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0;
  if (frame->hd.type == NGHTTP2_SETTINGS && !is_ack) {
    session.settings_received_ = true;
    session.refuse_unsent();
    session.slot_free.notify_all();
    session.progress.notify_all();
  } else if (frame->hd.type == NGHTTP2_PING && is_ack) {
    ++session.pongs_;
    session.progress.notify_all();
  } else if (frame->hd.type == NGHTTP2_GOAWAY) {
    session.goaway_received_ = true;
    session.slot_free.notify_all();
  }
  if (frame->hd.stream_id == 0) {
    return 0;
  }
  H2Stream* stream = stream_of(raw, frame->hd.stream_id);
  if (stream != nullptr && frame->hd.type == NGHTTP2_RST_STREAM) {
    reset_received(*stream, frame->rst_stream.error_code);
  }
  if (stream != nullptr && frame->hd.type == NGHTTP2_HEADERS) {
    headers_received(session, *stream);
    stream = stream_of(raw, frame->hd.stream_id);  // a list that is too long took it away
  }
  if (stream != nullptr && ends_stream(*frame)) {
    end_received(*stream);
  }
  return 0;
}

int H2Callbacks::on_frame_send(nghttp2_session* raw, const nghttp2_frame* frame, void* user) {
  H2Session& session = session_of(user);
  if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR) {
    std::string what = nghttp2_http2_strerror(frame->goaway.error_code);
    if (!session.reason_.empty()) {
      what += ": " + session.reason_;
    }
    session.violation_ =
        Error{.code = Errc::protocol, .context = "HTTP/2: the peer broke the protocol: " + what};
  }
  const std::int32_t id = frame->hd.stream_id;
  if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
    if (H2Stream* stream = stream_of(raw, id); stream != nullptr) {
      stream->request_sent_ = true;
    }
  }
  if (frame->hd.type == NGHTTP2_RST_STREAM && is_for_a_broken_rule(frame->rst_stream.error_code)) {
    std::string what =
        std::string("reset with ") + nghttp2_http2_strerror(frame->rst_stream.error_code);
    if (!session.reason_.empty()) {
      what += ": " + session.reason_;
    }
    session.refused(frame->hd.stream_id, std::move(what));
  }
  if (!ends_stream(*frame)) {
    return 0;
  }
  if (H2Stream* stream = stream_of(raw, id); stream != nullptr) {
    end_sent(*stream);
  } else if (nghttp2_session_get_stream_remote_close(raw, id) == 0) {
    // An answer of ours to a request that nobody here will read (431).
    nghttp2_submit_rst_stream(raw, NGHTTP2_FLAG_NONE, id, NGHTTP2_NO_ERROR);
  }
  return 0;
}

int H2Callbacks::on_data_chunk(nghttp2_session* session, std::uint8_t, std::int32_t id,
                               const std::uint8_t* bytes, std::size_t size, void*) {
  // The connection's credit goes back at once; the stream's when its reader takes the bytes.
  nghttp2_session_consume_connection(session, size);
  if (H2Stream* stream = stream_of(session, id); stream != nullptr) {
    stream->take({bytes, size});
  } else {
    nghttp2_session_consume_stream(session, id, size);
  }
  return 0;
}

int H2Callbacks::on_stream_close(nghttp2_session*, std::int32_t id, std::uint32_t code,
                                 void* user) {
  closed(session_of(user), id, code);
  return 0;
}

int H2Callbacks::on_error(nghttp2_session*, int, const char* words, std::size_t size, void* user) {
  session_of(user).reason_.assign(words, size);
  return 0;
}

ssize_t H2Callbacks::read_body(nghttp2_session* session, std::int32_t id, std::uint8_t*,
                               std::size_t length, std::uint32_t* flags, nghttp2_data_source*,
                               void*) {
  H2Stream* stream = stream_of(session, id);
  if (stream == nullptr) {
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;  // already reset: this changes nothing
  }
  if (!stream->writing_.empty()) {
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    return static_cast<ssize_t>(std::min(length, stream->writing_.size()));
  }
  if (!stream->end_wanted_) {
    return NGHTTP2_ERR_DEFERRED;
  }
  *flags |= NGHTTP2_DATA_FLAG_EOF;
  if (stream->trailers_to_send_) {
    *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    stream->session_->send_trailers(*stream);
  }
  return 0;
}

ssize_t H2Callbacks::frame_length(nghttp2_session*, std::uint8_t, std::int32_t,
                                  std::int32_t connection_window, std::int32_t stream_window,
                                  std::uint32_t frame_max, void*) {
  const std::int64_t credit = std::min(connection_window, stream_window);
  const std::int64_t frame = std::min<std::int64_t>(frame_max, kDataFrameBytes);
  return static_cast<ssize_t>(std::min(credit, frame));
}

int H2Callbacks::send_body(nghttp2_session* session, nghttp2_frame* frame,
                           const std::uint8_t* header, std::size_t length, nghttp2_data_source*,
                           void* user) {
  OutputBuffer& output = session_of(user).output_;
  H2Stream* stream = stream_of(session, frame->hd.stream_id);
  CULVERT_ASSERT(stream != nullptr && length <= stream->writing_.size());  // read_body saw them
  output.append({header, kFrameHeaderBytes});
  output.append(stream->writing_.first(length));
  stream->writing_ = stream->writing_.subspan(length);
  if (stream->writing_.empty()) {
    stream->writable_.notify_all();
  }
  return output.full() ? NGHTTP2_ERR_PAUSE : 0;
}

}  // namespace culvert::http
