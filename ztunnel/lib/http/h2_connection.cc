// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/http/h2_connection.h"

#include "ztunnel/lib/base/assert.h"
#include "ztunnel/lib/http/h2_session.h"
#include "ztunnel/lib/io/scope.h"
#include "ztunnel/lib/io/timeout.h"

namespace culvert::http {

// The state behind a connection, and the fibers of run(): one reads, one writes, one watches.
struct H2Connection::Fibers {
  io::Loop& loop;
  std::unique_ptr<net::Stream> transport;
  H2Role role;
  H2Options options;
  H2Session session;

  io::TimePoint last_arrival{};
  std::uint64_t arrived_bytes = 0;
  bool writing = false;
  bool quiet = false;  // little came since the last look: buffers go back

  io::Task<> read(io::Scope& scope);
  io::Task<> write(io::Scope& scope);
  io::Task<> say_goodbye(io::Scope& scope);
  io::Task<> watch();
  io::Task<> await_settings();
  io::Task<> await_pong(std::uint64_t before);
};

H2Connection::H2Connection(io::Loop& loop, std::unique_ptr<net::Stream> transport, H2Role role,
                           H2Options options)
    : fibers_(new Fibers{.loop = loop,
                         .transport = std::move(transport),
                         .role = role,
                         .options = options,
                         .session = H2Session(role, options)}) {}

H2Connection::~H2Connection() = default;

io::Task<> H2Connection::run() {
  Fibers& fibers = *fibers_;
  io::Scope scope(fibers.loop);
  scope.spawn(fibers.read(scope));
  scope.spawn(fibers.write(scope));
  scope.spawn(fibers.watch());
  auto ended = co_await io::as_result(scope.join());
  // What the peer broke says more than how the transport ended after our GOAWAY.
  if (fibers.session.violation() && (ended || ended.error().code != Errc::cancelled)) {
    ended = fail(*fibers.session.violation());
  }
  Error why{.code = Errc::closed, .context = "the HTTP/2 connection has ended"};
  if (!ended) {
    why.context += ": " + to_string(ended.error());
  }
  fibers.session.end(why);
  co_await std::move(ended);
}

// The small buffer while little comes: an idle connection has one read pending, and its buffer is
// most of what it costs.
io::Task<> H2Connection::Fibers::read(io::Scope& scope) {
  std::size_t size = kInputBytesSmall;
  auto buffer = std::make_unique_for_overwrite<std::uint8_t[]>(size);
  for (;;) {
    const std::size_t n = co_await transport->read_some({buffer.get(), size});
    if (n == 0) {
      break;
    }
    last_arrival = loop.now();
    arrived_bytes += n;
    co_await session.receive({buffer.get(), n});
    const std::size_t wanted = quiet ? kInputBytesSmall : n == size ? kInputBytesLarge : size;
    quiet = false;
    if (wanted != size) {
      size = wanted;
      buffer = std::make_unique_for_overwrite<std::uint8_t[]>(size);
    }
  }
  if (const std::size_t open = session.stream_count(); open > 0) {
    co_await fail(Errc::closed, "the peer closed the HTTP/2 connection under " +
                                    std::to_string(open) + " open streams");
  }
  scope.cancel();
}

// The one writer. While its write is under way streams queue up, and the next write takes what all
// of them have: batches grow with load, and nothing waits for a timer.
io::Task<> H2Connection::Fibers::write(io::Scope& scope) {
  for (;;) {
    co_await session.fill();
    if (!session.output().empty()) {
      writing = true;
      co_await transport->write_all(session.output().bytes());
      writing = false;
      session.output().clear();
      continue;
    }
    if (session.over()) {
      break;
    }
    co_await session.output_wanted.wait();
  }
  co_await say_goodbye(scope);
}

// Our GOAWAY must not be lost to the reset that a close with unread bytes would send, so the
// transport's own end is said, and the peer gets a moment to say its.
io::Task<> H2Connection::Fibers::say_goodbye(io::Scope& scope) {
  (void)co_await io::as_result(
      io::with_timeout(loop, kGoodbyeTimeout, "close", transport->shutdown_write()));
  co_await loop.sleep(kGoodbyeTimeout);  // read() ends it early at the peer's end of stream
  scope.cancel();
}

io::Task<> H2Connection::Fibers::watch() {
  co_await io::with_timeout(loop, options.settings_timeout, "wait for the peer's SETTINGS",
                            await_settings());
  std::uint64_t seen_bytes = 0;
  for (;;) {
    co_await loop.sleep(options.ping_interval);
    if (arrived_bytes - seen_bytes < kInputBytesSmall) {
      quiet = true;
      if (!writing) {
        session.output().release();
      }
    }
    seen_bytes = arrived_bytes;

    const io::TimePoint sent = loop.now();
    const std::uint64_t before = session.pongs();
    session.ping();
    auto pong = co_await io::as_result(io::with_timeout(
        loop, options.ping_timeout, "wait for a PING's answer", await_pong(before)));
    if (!pong && last_arrival <= sent) {
      co_await fail(prefixed("the HTTP/2 peer is dead", std::move(pong).error()));
    }
  }
}

io::Task<> H2Connection::await_settings() {
  co_await fibers_->await_settings();
}

io::Task<> H2Connection::Fibers::await_settings() {
  while (!session.settings_received() && !session.ended()) {
    co_await session.progress.wait();
  }
}

io::Task<> H2Connection::Fibers::await_pong(std::uint64_t before) {
  while (session.pongs() == before) {
    co_await session.progress.wait();
  }
}

io::Task<std::unique_ptr<H2Stream>> H2Connection::open(HeaderList request, bool end_stream) {
  H2Session& session = fibers_->session;
  CULVERT_ASSERT(fibers_->role == H2Role::client);
  while (session.takes_streams() && session.free_slots() == 0) {
    co_await session.slot_free.wait();
  }
  if (session.takes_streams()) {
    if (auto stream = session.open(request, end_stream); stream != nullptr) {
      co_return stream;
    }
    session.refuse_new();
  }
  co_return fail(Errc::unavailable, "the HTTP/2 connection takes no more streams");
}

io::Task<std::unique_ptr<H2Stream>> H2Connection::accept() {
  H2Session& session = fibers_->session;
  CULVERT_ASSERT(fibers_->role == H2Role::server);
  for (;;) {
    if (auto stream = session.next_accepted(); stream != nullptr) {
      co_return stream;
    }
    if (!session.accepts_more()) {
      co_return nullptr;
    }
    co_await session.arrived.wait();
  }
}

io::Task<> H2Connection::drain() {
  Fibers& fibers = *fibers_;
  H2Session& session = fibers.session;
  if (!session.draining() && !session.ended()) {
    session.refuse_new();
    if (fibers.role == H2Role::server) {
      // The pong says that the peer has seen step one, and that whatever it had sent before is
      // here.
      const std::uint64_t before = session.pongs();
      session.announce_goaway();
      session.ping();
      (void)co_await io::as_result(io::with_timeout(fibers.loop, fibers.options.ping_timeout,
                                                    "wait for a PING's answer",
                                                    fibers.await_pong(before)));
    }
    session.goaway();
  }
  while (session.stream_count() > 0 && !session.ended()) {
    co_await session.progress.wait();
  }
}

void H2Connection::shutdown() {
  fibers_->session.terminate();
}

bool H2Connection::takes_streams() const {
  return fibers_->session.takes_streams();
}
std::size_t H2Connection::stream_count() const {
  return fibers_->session.stream_count();
}
std::size_t H2Connection::free_slots() const {
  return takes_streams() ? fibers_->session.free_slots() : 0;
}
bool H2Connection::settings_received() const {
  return fibers_->session.settings_received();
}
std::size_t H2Connection::peer_streams_max() const {
  return fibers_->session.peer_streams_max();
}
std::size_t H2Connection::buffered_bytes() const {
  return fibers_->session.buffered_bytes();
}

}  // namespace culvert::http
