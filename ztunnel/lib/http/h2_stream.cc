// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/http/h2_stream.h"

#include <algorithm>
#include <cstring>

#include "ztunnel/lib/base/assert.h"
#include "ztunnel/lib/http/h2_session.h"

namespace culvert::http {

// Lends a reader's buffer to the stream while the reader waits, so that bytes go from the
// transport's buffer straight into it.
class PendingRead {
 public:
  PendingRead(H2Stream& stream, MutableBytes into) : stream_(stream) {
    CULVERT_ASSERT(!stream.reader_waits_);
    stream.reader_waits_ = true;
    stream.reading_ = into;
  }
  PendingRead(const PendingRead&) = delete;
  PendingRead& operator=(const PendingRead&) = delete;
  ~PendingRead() {
    stream_.reader_waits_ = false;
    stream_.reading_ = {};
  }

 private:
  H2Stream& stream_;
};

// Lends a writer's bytes to the stream until they are in the connection's output. A writer that is
// cancelled takes the rest back.
class PendingWrite {
 public:
  PendingWrite(H2Stream& stream, Bytes from) : stream_(stream) {
    CULVERT_ASSERT(!stream.writer_waits_);
    stream.writer_waits_ = true;
    stream.writing_ = from;
  }
  PendingWrite(const PendingWrite&) = delete;
  PendingWrite& operator=(const PendingWrite&) = delete;
  ~PendingWrite() {
    stream_.writer_waits_ = false;
    stream_.writing_ = {};
  }

 private:
  H2Stream& stream_;
};

H2Stream::H2Stream(H2Session& session, std::int32_t id) : session_(&session), id_(id) {}

H2Stream::~H2Stream() {
  CULVERT_ASSERT(!reader_waits_ && !writer_waits_);
  if (session_ != nullptr) {
    const bool answered = end_sent_ && response_sent_;
    session_->reset(*this, answered    ? ResetCode::no_error
                           : end_sent_ ? ResetCode::cancel
                                       : ResetCode::connect_error);
  }
}

io::Task<> H2Stream::respond(int status, HeaderList headers, bool end_stream) {
  CULVERT_ASSERT(!response_sent_);
  if (session_ == nullptr) {
    co_await fail(gone());
  }
  response_sent_ = true;
  session_->respond(*this, status, headers, end_stream);
  if (end_stream) {
    end_wanted_ = true;
    co_await await_end_sent();
  }
}

io::Task<HeaderList> H2Stream::response() {
  while (!headers_complete_) {
    if (session_ == nullptr) {
      co_await fail(gone());
    }
    co_await readable_.wait();
  }
  co_return headers_;
}

io::Task<std::size_t> H2Stream::read_some(MutableBytes into) {
  CULVERT_ASSERT(!into.empty());
  if (!received_.empty()) {
    const std::size_t taken = received_.take(into);
    if (session_ != nullptr) {
      session_->buffered_bytes_ -= taken;
      session_->taken(*this, taken);
    }
    co_return taken;
  }
  const PendingRead pending(*this, into);
  while (reading_.size() == into.size()) {
    if (end_received_) {
      co_return 0;
    }
    if (session_ == nullptr) {
      co_await fail(gone());
    }
    co_await readable_.wait();
  }
  co_return into.size() - reading_.size();
}

void H2Stream::take(Bytes arrived) {
  const std::size_t direct = std::min(arrived.size(), reading_.size());
  if (direct > 0) {
    std::memcpy(reading_.data(), arrived.data(), direct);
    reading_ = reading_.subspan(direct);
    readable_.notify_all();
    session_->taken(*this, direct);
  }
  if (direct < arrived.size()) {
    received_.append(arrived.subspan(direct));
    session_->buffered_bytes_ += arrived.size() - direct;
  }
}

io::Task<> H2Stream::write_all(Bytes from) {
  CULVERT_ASSERT(!end_wanted_);
  const PendingWrite pending(*this, from);
  if (session_ != nullptr && !writing_.empty()) {
    session_->resume(*this);
  }
  for (;;) {
    if (session_ == nullptr) {
      co_await fail(gone());
    }
    if (writing_.empty()) {
      co_return;
    }
    co_await writable_.wait();
  }
}

io::Task<> H2Stream::shutdown_write() {
  CULVERT_ASSERT(!writer_waits_);
  if (!end_wanted_) {
    end_wanted_ = true;
    if (session_ != nullptr) {
      session_->resume(*this);
    }
  }
  co_await await_end_sent();
}

io::Task<> H2Stream::finish(HeaderList trailers) {
  CULVERT_ASSERT(!end_wanted_);
  trailers_to_send_ = std::move(trailers);
  co_await shutdown_write();
}

io::Task<> H2Stream::await_end_sent() {
  while (!end_sent_) {
    if (session_ == nullptr) {
      co_await fail(gone());
    }
    co_await writable_.wait();
  }
}

void H2Stream::reset(ResetCode code) {
  if (session_ == nullptr) {
    return;
  }
  session_->reset(*this, code);
  received_.clear();
  close(Error{.code = Errc::closed,
              .context = "HTTP/2 stream " + std::to_string(id_) + ": it was reset on this side"},
        /* ends_cleanly= */ false);
}

void H2Stream::close(Error error, bool ends_cleanly) {
  if (!failure_) {
    failure_ = std::move(error);
  }
  end_received_ = end_received_ || ends_cleanly;
  notify_all();
}

void H2Stream::notify_all() {
  readable_.notify_all();
  writable_.notify_all();
}

Error H2Stream::gone() const {
  if (failure_) {
    return *failure_;
  }
  return Error{.code = Errc::closed,
               .context = "HTTP/2 stream " + std::to_string(id_) + ": it has ended"};
}

}  // namespace culvert::http
