// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/proxy/hbone_stream.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "ztunnel/lib/io/timeout.h"
#include "ztunnel/proxy/limits.h"
#include "ztunnel/proxy/outcome.h"

namespace culvert::proxy {

io::Task<std::size_t> HboneStream::read_some(MutableBytes into) {
  if (!answered_) {
    co_await wait_for_answer();
  }
  co_return co_await stream_->read_some(into);
}

void HboneStream::reset() {
  if (!answered_ && !failure_) {
    failure_ = Error{.code = Errc::closed, .context = "the connection was reset on this side"};
    changed_.notify_all();
  }
  stream_->reset();
}

io::Task<> HboneStream::wait_for_answer() {
  auto answered = co_await as_result(io::with_timeout(
      loop_, kConnectAnswerTimeout,
      fmt::format("answer of {} to CONNECT", to_string(key_.destination)), await_answer()));
  if (answered) {
    answered_ = true;
    early_ = std::vector<std::uint8_t>();  // gives the memory back, which {} would not
  } else if (!failure_) {
    failure_ = answered.error();
  }
  changed_.notify_all();
  co_await std::move(answered);
}

io::Task<> HboneStream::await_answer() {
  for (int attempt = 1;; ++attempt) {
    auto answer = co_await as_result(stream_->response());
    if (answer) {
      co_await check_status(*answer);
      co_return;
    }
    if (failure_ || answer.error().code != Errc::unavailable || attempt == kOpenAttempts) {
      co_await fail(std::move(answer).error());
    }
    co_await open_again();
  }
}

Result<> HboneStream::check_status(const http::HeaderList& answer) {
  const std::string* text = http::find_header(answer, ":status");
  int status = 0;
  if (text != nullptr) {
    std::from_chars(text->data(), text->data() + text->size(), status);
  }
  if (status != 200) {
    return fail(error_of_status(status),
                fmt::format("{} answered {} to CONNECT", to_string(key_.destination), status),
                Side::upstream);
  }
  return {};
}

io::Task<> HboneStream::open_again() {
  opening_again_ = true;
  auto opened = co_await pool_.open(pod_, key_, request_);
  if (failure_) {
    co_await fail(*failure_);
  }
  refused_.push_back(std::exchange(stream_, std::move(opened.stream)));
  auto sent = co_await as_result(send_again());
  if (!sent && sent.error().code != Errc::unavailable) {
    co_await std::move(sent);
  }
  // Refused once more or not: the next look at the answer tells.
  opening_again_ = false;
  ++openings_;
  changed_.notify_all();
}

io::Task<> HboneStream::send_again() {
  co_await stream_->write_all(early_);
  if (early_end_) {
    co_await stream_->shutdown_write();
  }
}

io::Task<> HboneStream::write_early(Bytes from) {
  while (!from.empty()) {
    co_await wait_for_turn(/* needs_room= */ true);
    if (answered_) {
      co_await stream_->write_all(from);
      co_return;
    }
    const Bytes piece = from.first(std::min(from.size(), kEarlyBytesMax - early_.size()));
    from = from.subspan(piece.size());
    early_.insert(early_.end(), piece.begin(), piece.end());
    const int openings = openings_;
    auto sent = co_await as_result(stream_->write_all(piece));
    if (!sent) {
      co_await await_sent_again(openings, std::move(sent).error());
    }
  }
}

io::Task<> HboneStream::end_early() {
  co_await wait_for_turn(/* needs_room= */ false);
  early_end_ = true;
  const int openings = openings_;
  auto sent = co_await as_result(stream_->shutdown_write());
  if (!sent) {
    co_await await_sent_again(openings, std::move(sent).error());
  }
}

io::Task<> HboneStream::wait_for_turn(bool needs_room) {
  while (!answered_ && !failure_ &&
         (opening_again_ || (needs_room && early_.size() == kEarlyBytesMax))) {
    co_await changed_.wait();
  }
  if (failure_) {
    co_await fail(*failure_);
  }
}

// What the stream did not take is in early_: it is sent when another stream takes over.
io::Task<> HboneStream::await_sent_again(int openings, Error error) {
  if (error.code == Errc::unavailable) {
    while (openings_ == openings && !answered_ && !failure_) {
      co_await changed_.wait();
    }
    if (openings_ != openings) {
      co_return;
    }
  }
  co_await fail(std::move(error));
}

}  // namespace culvert::proxy
