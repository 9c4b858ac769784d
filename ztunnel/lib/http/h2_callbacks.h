// H2Callbacks: what nghttp2 calls while it takes bytes in or makes frames. None of them calls back
// into code of a fiber: whoever waits is scheduled and runs later. Private to this room.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nghttp2/nghttp2.h>

#include <string>

#include "ztunnel/lib/http/h2_session.h"

namespace culvert::http {

struct H2Callbacks {
  static void install(nghttp2_session_callbacks& callbacks);

  // body is where nghttp2 gets the bytes of every stream: from its waiting writer.
  static nghttp2_data_provider body();

  // What happens on events; `stream` is one that a handle of ours still refers to.
  static void request_begins(H2Session& session, std::int32_t stream_id);
  static void header(H2Stream& stream, Bytes name, Bytes value);
  static void headers_received(H2Session& session, H2Stream& stream);
  static void request_received(H2Session& session, H2Stream& stream);
  static void response_received(H2Session& session, H2Stream& stream);
  static void end_received(H2Stream& stream);
  static void end_sent(H2Stream& stream);
  static void reset_received(H2Stream& stream, std::uint32_t code);
  static void closed(H2Session& session, std::int32_t stream_id, std::uint32_t code);

  // What nghttp2 calls.
  static int on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user);
  static int on_header(nghttp2_session* session, const nghttp2_frame* frame,
                       const std::uint8_t* name, std::size_t name_bytes, const std::uint8_t* value,
                       std::size_t value_bytes, std::uint8_t, void*);
  static int on_invalid_header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t*,
                               std::size_t, const std::uint8_t*, std::size_t, std::uint8_t, void*);
  static int on_frame_recv(nghttp2_session* session, const nghttp2_frame* frame, void* user);
  static int on_frame_send(nghttp2_session* session, const nghttp2_frame* frame, void* user);
  static int on_data_chunk(nghttp2_session* session, std::uint8_t, std::int32_t id,
                           const std::uint8_t* bytes, std::size_t size, void*);
  static int on_stream_close(nghttp2_session*, std::int32_t id, std::uint32_t code, void* user);
  static int on_error(nghttp2_session*, int, const char* words, std::size_t size, void* user);
  static ssize_t read_body(nghttp2_session* session, std::int32_t id, std::uint8_t*,
                           std::size_t length, std::uint32_t* flags, nghttp2_data_source*,
                           void* user);
  static ssize_t frame_length(nghttp2_session*, std::uint8_t, std::int32_t,
                              std::int32_t connection_window, std::int32_t stream_window,
                              std::uint32_t frame_max, void*);
  static int send_body(nghttp2_session* session, nghttp2_frame* frame, const std::uint8_t* header,
                       std::size_t length, nghttp2_data_source*, void* user);
};

}  // namespace culvert::http
