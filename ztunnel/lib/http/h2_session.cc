// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/http/h2_session.h"

#include <nghttp2/nghttp2.h>

#include <array>
#include <vector>

#include "ztunnel/lib/base/assert.h"
#include "ztunnel/lib/http/h2_callbacks.h"

namespace culvert::http {
namespace {

struct OptionDeleter {
  void operator()(nghttp2_option* option) const { nghttp2_option_del(option); }
};
struct CallbacksDeleter {
  void operator()(nghttp2_session_callbacks* callbacks) const {
    nghttp2_session_callbacks_del(callbacks);
  }
};

std::unique_ptr<nghttp2_option, OptionDeleter> make_options(const H2Options& options) {
  nghttp2_option* option = nullptr;
  CULVERT_ASSERT(nghttp2_option_new(&option) == 0);
  nghttp2_option_set_no_auto_window_update(option, 1);  // we say when bytes were taken
  nghttp2_option_set_no_closed_streams(option, 1);  // kept for priorities only, which cost memory
  nghttp2_option_set_peer_max_concurrent_streams(option, kStreamsBeforeSettings);
  nghttp2_option_set_max_outbound_ack(option, kWaitingAcksMax);
  nghttp2_option_set_max_settings(option, kSettingsPerFrameMax);
  nghttp2_option_set_stream_reset_rate_limit(option, kResetBurstMax, options.resets_per_second_max);
  nghttp2_option_set_max_send_header_block_length(option, kHeaderListBytesMax);
  return std::unique_ptr<nghttp2_option, OptionDeleter>(option);
}

// Values that never come twice: in the compression table they would push out those that do.
bool is_one_off(std::string_view name) {
  return name == "traceparent" || name == "forwarded";
}

nghttp2_nv name_value(std::string_view name, std::string_view value) {
  // nghttp2 copies both; its struct has no const.
  return {.name = const_cast<std::uint8_t*>(as_bytes(name).data()),
          .value = const_cast<std::uint8_t*>(as_bytes(value).data()),
          .namelen = name.size(),
          .valuelen = value.size(),
          .flags = static_cast<std::uint8_t>(is_one_off(name) ? NGHTTP2_NV_FLAG_NO_INDEX
                                                              : NGHTTP2_NV_FLAG_NONE)};
}

std::vector<nghttp2_nv> name_values(const HeaderList& headers) {
  std::vector<nghttp2_nv> list;
  list.reserve(headers.size() + 1);
  for (const Header& header : headers) {
    list.push_back(name_value(header.name, header.value));
  }
  return list;
}

}  // namespace

H2Session::H2Session(H2Role role, const H2Options& options)
    : role_(role), on_refused_(options.on_refused) {
  nghttp2_session_callbacks* raw = nullptr;
  CULVERT_ASSERT(nghttp2_session_callbacks_new(&raw) == 0);
  const std::unique_ptr<nghttp2_session_callbacks, CallbacksDeleter> callbacks(raw);
  H2Callbacks::install(*callbacks);
  const auto option = make_options(options);
  const auto make =
      role == H2Role::client ? nghttp2_session_client_new2 : nghttp2_session_server_new2;
  CULVERT_ASSERT(make(&session_, callbacks.get(), this, option.get()) == 0);

  const std::array<nghttp2_settings_entry, 2> settings{{
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, kHeaderListBytesMax},
      role == H2Role::client
          ? nghttp2_settings_entry{NGHTTP2_SETTINGS_ENABLE_PUSH, 0}
          : nghttp2_settings_entry{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, options.streams_max},
  }};
  static_assert(kStreamWindowBytes == NGHTTP2_INITIAL_WINDOW_SIZE);  // or it must be a setting
  CULVERT_ASSERT(
      nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size()) == 0);
  CULVERT_ASSERT(nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                                       kConnectionWindowBytes) == 0);
}

H2Session::~H2Session() {
  end(Error{.code = Errc::closed, .context = "the HTTP/2 connection is gone"});
  nghttp2_session_del(session_);
}

Result<> H2Session::receive(Bytes bytes) {
  const ssize_t taken = nghttp2_session_mem_recv(session_, bytes.data(), bytes.size());
  if (taken < 0) {
    const std::string words = nghttp2_strerror(static_cast<int>(taken));
    return fail(Errc::protocol, "HTTP/2: " + (reason_.empty() ? words : words + ": " + reason_));
  }
  want_output();
  return {};
}

Result<> H2Session::fill() {
  while (!output_.full()) {
    const std::size_t before = output_.size();
    const std::uint8_t* frames = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_, &frames);
    if (size < 0) {
      return fail(Errc::protocol,
                  std::string("HTTP/2: ") + nghttp2_strerror(static_cast<int>(size)));
    }
    if (size > 0) {
      output_.append({frames, static_cast<std::size_t>(size)});
    } else if (output_.size() == before) {
      break;  // DATA frames are appended by send_data, and mem_send then gives 0 as well
    }
  }
  return {};
}

bool H2Session::over() const {
  return nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0 &&
         output_.empty();
}

void H2Session::want_output() {
  if (output_wanted.has_waiters() && (nghttp2_session_want_write(session_) != 0 || over())) {
    output_wanted.notify_all();
  }
}

std::unique_ptr<H2Stream> H2Session::open(const HeaderList& request, bool end_stream) {
  const auto list = name_values(request);
  const auto provider = H2Callbacks::body();
  std::unique_ptr<H2Stream> stream(new H2Stream(*this, 0));
  stream->end_wanted_ = end_stream;
  stream->id_ = nghttp2_submit_request(session_, nullptr, list.data(), list.size(),
                                       end_stream ? nullptr : &provider, stream.get());
  if (stream->id_ < 0) {
    stream->session_ = nullptr;
    return nullptr;  // after 2^30 streams the numbers are used up
  }
  link(*stream);
  ++stream_count_;
  want_output();
  return stream;
}

std::unique_ptr<H2Stream> H2Session::next_accepted() {
  const auto oldest = unaccepted_.begin();
  if (oldest == unaccepted_.end() || !oldest->second->headers_complete_) {
    return nullptr;
  }
  auto stream = std::move(oldest->second);
  unaccepted_.erase(oldest);
  return stream;
}

void H2Session::respond(H2Stream& stream, int status, const HeaderList& headers, bool end_stream) {
  const std::string text = std::to_string(status);
  auto list = name_values(headers);
  list.insert(list.begin(), name_value(":status", text));
  const auto provider = H2Callbacks::body();
  nghttp2_submit_response(session_, stream.id_, list.data(), list.size(),
                          end_stream ? nullptr : &provider);
  want_output();
}

void H2Session::resume(const H2Stream& stream) {
  nghttp2_session_resume_data(session_, stream.id_);  // an error only if it was not deferred
  want_output();
}

void H2Session::send_trailers(H2Stream& stream) {
  const auto list = name_values(*stream.trailers_to_send_);
  nghttp2_submit_trailer(session_, stream.id_, list.data(), list.size());
  stream.trailers_to_send_.reset();
}

void H2Session::taken(H2Stream& stream, std::size_t bytes) {
  nghttp2_session_consume_stream(session_, stream.id_, bytes);
  stream.read_total_ += bytes;
  if (!stream.wide_window_ && stream.read_total_ >= kStreamWindowBytes &&
      wide_streams_ < kWideStreamsMax) {
    stream.wide_window_ = true;
    ++wide_streams_;
    nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, stream.id_,
                                          kWideStreamWindowBytes);
  }
  want_output();
}

void H2Session::reset(H2Stream& stream, ResetCode code) {
  nghttp2_session_set_stream_user_data(session_, stream.id_, nullptr);
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id_,
                            static_cast<std::uint32_t>(code));
  unlink(stream);
  want_output();
}

void H2Session::refuse_unsent() {
  if (role_ == H2Role::server || stream_count_ <= peer_streams_max()) {
    return;
  }
  for (H2Stream* stream = first_; stream != nullptr;) {
    H2Stream& unsent = *stream;
    stream = stream->next_;
    if (!unsent.request_sent_) {
      reset(unsent, ResetCode::refused_stream);
      unsent.close(Error{.code = Errc::unavailable,
                         .context = "HTTP/2 stream " + std::to_string(unsent.id_) +
                                    ": the peer allows no more streams"},
                   /* ends_cleanly= */ false);
    }
  }
}

void H2Session::refused(std::int32_t stream_id, std::string what) {
  if (on_refused_) {
    on_refused_(Error{.code = Errc::protocol,
                      .side = role_ == H2Role::server ? Side::downstream : Side::upstream,
                      .context = "HTTP/2 stream " + std::to_string(stream_id) + ": " + what});
  }
}

void H2Session::link(H2Stream& stream) {
  stream.next_ = first_;
  if (first_ != nullptr) {
    first_->previous_ = &stream;
  }
  first_ = &stream;
}

void H2Session::unlink(H2Stream& stream) {
  (stream.previous_ != nullptr ? stream.previous_->next_ : first_) = stream.next_;
  if (stream.next_ != nullptr) {
    stream.next_->previous_ = stream.previous_;
  }
  stream.previous_ = stream.next_ = nullptr;
  stream.session_ = nullptr;
  buffered_bytes_ -= stream.received_.size();
  if (stream.wide_window_) {
    --wide_streams_;
  }
}

void H2Session::ping() {
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
  want_output();
}

void H2Session::announce_goaway() {
  nghttp2_submit_shutdown_notice(session_);
  want_output();
}

void H2Session::goaway() {
  goaway_sent_ = true;
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session_), NGHTTP2_NO_ERROR,
                        nullptr, 0);
  arrived.notify_all();
  want_output();
}

void H2Session::terminate() {
  refuse_new();
  nghttp2_session_terminate_session(session_, NGHTTP2_NO_ERROR);
  want_output();
  end(Error{.code = Errc::closed, .context = "the HTTP/2 connection was shut down"});
}

void H2Session::end(const Error& error) {
  ended_ = true;
  while (first_ != nullptr) {
    H2Stream& stream = *first_;
    nghttp2_session_set_stream_user_data(session_, stream.id_, nullptr);
    unlink(stream);
    stream.close(error, /* ends_cleanly= */ false);
  }
  unaccepted_.clear();
  stream_count_ = 0;
  slot_free.notify_all();
  arrived.notify_all();
  progress.notify_all();
}

bool H2Session::takes_streams() const {
  return !ended_ && !draining_ && !goaway_received_ && !violation_;
}

std::size_t H2Session::peer_streams_max() const {
  return nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

std::size_t H2Session::free_slots() const {
  const std::size_t limit = peer_streams_max();
  return limit > stream_count_ ? limit - stream_count_ : 0;
}

}  // namespace culvert::http
