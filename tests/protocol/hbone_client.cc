// The client of hbone_bugs.h: honest, but for its flags.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "tests/protocol/hbone_bugs.h"
#include "tests/protocol/heap.h"
#include "tests/protocol/slow_stream.h"
#include "tests/support/peers/raw_tls.h"
#include "ztunnel/lib/io/timeout.h"

namespace culvert::protocol {
namespace {

constexpr std::size_t kReadBytes = 64 * 1024;
// Longer than any deadline that a table promises; the client's own, should the promise not hold.
constexpr io::Duration kPatience = 120s;

class Client {
 public:
  Client(HboneWorld& world, const ClientBugs& bugs, Seen& seen)
      : world_(world),
        bugs_(bugs),
        seen_(seen),
        began_(world.loop.now()),
        reading_(world.loop, io::Scope::OnFailure::ignore) {}

  io::Task<> run() {
    (void)co_await as_result(
        io::with_timeout(world_.loop, kPatience, "the client's patience", play()));
    reading_.cancel();
    (void)co_await as_result(reading_.join());
  }

 private:
  io::Task<> play();
  io::Task<> shake_hands();
  io::Task<> speak_http2();
  io::Task<> flood();
  io::Task<> send(std::string bytes, Phase half, Phase whole);
  io::Task<> send(std::string bytes);
  io::Task<> reach(Phase phase);
  io::Task<> listen();
  io::Task<> hear(h2::Frame frame);
  io::Task<> wait_for_end();
  io::Task<> wait_for_echo(std::size_t bytes);
  io::Task<> wait_for_answer();
  io::Task<> leave();

  HboneWorld& world_;
  const ClientBugs& bugs_;
  Seen& seen_;
  io::TimePoint began_;
  SlowStream* slow_ = nullptr;
  std::unique_ptr<tls::RawTls> tls_;
  h2::FrameReader frames_;
  bool is_sending_ = false;
  bool is_leaving_ = false;  // what the other end does from now on is not noted
  bool ended_ = false;
  bool owes_ack_ = false;
  bool said_settings_ = false;  // nothing else may come before
  bool greeted_ = false;        // the handshake is over, and bytes are HTTP/2's
  io::Event changed_;
  io::Scope reading_;
};

io::Task<> Client::play() {
  auto slow = std::make_unique<SlowStream>(world_.loop, world_.knock());
  slow_ = slow.get();
  const auto shown = credentials(bugs_.shows, /* as_server= */ false);
  tls_ = std::make_unique<tls::RawTls>(std::move(slow),
                                       tls::RawTlsOptions{.key_pem = shown.key_pem,
                                                          .chain_pem = shown.chain_pem,
                                                          .version_max = bugs_.tls_version_max,
                                                          .alpn = bugs_.alpn});
  // What a peer that was cut off can't say any more is no failure of the test.
  (void)co_await as_result(reach(Phase::tcp));
  auto played = co_await as_result(shake_hands());
  if (played) {
    (void)co_await as_result(speak_http2());
  }
  if (reading_.empty()) {
    reading_.spawn(listen());
  }
  co_await wait_for_end();
}

io::Task<> Client::shake_hands() {
  if (!bugs_.instead_of_tls.empty()) {
    co_await tls_->transport().write_all(as_bytes(bugs_.instead_of_tls));
    reading_.spawn(listen());
    co_await wait_for_end();
    co_await fail(Errc::closed, "that was all");
  }
  const auto hello = co_await tls_->take_flight();
  co_await send(hello, Phase::half_hello, Phase::hello);
  auto finished = co_await as_result(tls_->take_flight());
  if (!finished) {
    seen_.alert = tls_->alert();
    reading_.spawn(listen());
    co_await fail(std::move(finished).error());
  }
  co_await send(std::move(*finished), Phase::half_finished, Phase::handshake);
  greeted_ = true;
  if (bugs_.reads) {
    reading_.spawn(listen());
  }
}

io::Task<> Client::speak_http2() {
  co_await send(bugs_.magic, Phase::half_magic, Phase::magic);
  co_await send(bugs_.settings, Phase::magic, Phase::settings);
  if (bugs_.uses_stream_1) {
    co_await send(h2::headers(1, h2::connect_block("10.0.0.2:8081")) + h2::data(1, "before"));
    if (bugs_.reads) {
      co_await wait_for_echo(kSaidBefore);
    }
  }
  co_await send(bugs_.request, Phase::half_headers, Phase::connect);
  if (bugs_.stops_at == Phase::half_data || bugs_.stops_at == Phase::data ||
      bugs_.stops_at == Phase::end_stream) {
    co_await send(h2::data(3, "some bytes"), Phase::half_data, Phase::data);
    co_await send(h2::data(3, "", /* end= */ true), Phase::end_stream, Phase::end_stream);
  }
  if (!bugs_.after.empty()) {
    co_await wait_for_answer();
    co_await send(bugs_.after);
  }
  (void)co_await as_result(flood());
  auto waited =
      co_await as_result(io::with_timeout(world_.loop, bugs_.stays, "the verdict", wait_for_end()));
  if (waited) {
    co_return;
  }
  if (!bugs_.reads) {  // until now; to see how it ended
    reading_.spawn(listen());
    (void)co_await as_result(io::with_timeout(world_.loop, 1s, "the end", wait_for_end()));
  }
  if (bugs_.uses_stream_1 && bugs_.reads) {
    co_await send(h2::data(1, "after"));
    (void)co_await as_result(
        io::with_timeout(world_.loop, 1s, "an echo", wait_for_echo(kSaidBefore + kSaidAfter)));
  }
  co_await leave();
}

io::Task<> Client::flood() {
  std::uint32_t stream = 5;
  for (int round = 0; round < bugs_.flood_rounds && !ended_; ++round) {
    std::string bytes = bugs_.flood;
    for (std::uint32_t i = 0; i < bugs_.flood_opens_per_round; ++i, stream += 2) {
      bytes += bugs_.request_of(stream);
    }
    if (bytes.empty()) {
      co_return;
    }
    co_await send(std::move(bytes));
    seen_.peak_heap_bytes = std::max(seen_.peak_heap_bytes, heap_bytes());
  }
}

// Sends `bytes` unless the client stops at their half or behind them.
io::Task<> Client::send(std::string bytes, Phase half, Phase whole) {
  if (bugs_.stops_at == half && half != whole) {
    bytes.resize(bytes.size() / 2);
  }
  if (greeted_) {
    co_await send(std::move(bytes));
  } else {
    co_await tls_->transport().write_all(as_bytes(bytes));
  }
  co_await reach(half);
  if (whole == Phase::settings) {
    said_settings_ = true;
    co_await send(owes_ack_ ? h2::settings_ack() : "");
  }
  co_await reach(whole);
}

io::Task<> Client::send(std::string bytes) {
  if (bytes.empty()) {
    co_return;
  }
  while (is_sending_) {
    co_await changed_.wait();
  }
  is_sending_ = true;
  auto sent = co_await as_result(tls_->write_all(as_bytes(bytes)));
  is_sending_ = false;
  changed_.notify_all();
  co_await std::move(sent);
}

io::Task<> Client::reach(Phase phase) {
  if (phase == bugs_.drips_from) {
    slow_->drip(1s);
  }
  if (phase != bugs_.stops_at) {
    co_return;
  }
  if (phase == Phase::hello) {
    // The server's flight is read, as the network would take it from it.
    (void)co_await as_result(tls_->take_flight());
  }
  if (bugs_.ending != Ending::stall) {
    co_await world_.loop.sleep(10ms);  // what was sent is read before
  }
  if (bugs_.ending == Ending::fin) {
    co_await tls_->transport().shutdown_write();
  } else if (bugs_.ending == Ending::reset) {
    tls_->reset();
  }
  if (reading_.empty()) {
    reading_.spawn(listen());
  }
  co_await wait_for_end();
  co_await fail(Errc::closed, "the client stops here");
}

io::Task<> Client::listen() {
  std::vector<std::uint8_t> buffer(kReadBytes);
  for (;;) {
    auto count = co_await as_result(tls_->read_some(buffer));
    if (!count && count.error().code == Errc::cancelled) {
      co_return;
    }
    if (!count || *count == 0) {
      if (is_leaving_) {
        break;
      }
      seen_.alert = tls_->alert();
      seen_.end = count || tls_->transport_ended() || !seen_.alert.empty() ? End::fin : End::reset;
      break;
    }
    frames_.add(Bytes(buffer).first(*count));
    while (auto frame = frames_.next()) {
      (void)co_await as_result(hear(std::move(*frame)));
    }
  }
  if (!is_leaving_) {
    seen_.ended_after = world_.loop.now() - began_;
  }
  ended_ = true;
  changed_.notify_all();
}

io::Task<> Client::hear(h2::Frame frame) {
  const bool is_ack = (frame.flags & h2::kAck) != 0;
  if (frame.type == h2::kHeaders) {
    const auto headers = frames_.headers_of(frame);
    const std::string* status = http::find_header(headers, ":status");
    if (frame.stream == 3 && status != nullptr) {
      seen_.status = *status;
      changed_.notify_all();
    }
  } else if (frame.type == h2::kRstStream && frame.stream == 3) {
    seen_.reset = frame.code();
    changed_.notify_all();
  } else if (frame.type == h2::kGoaway && frame.code() != h2::kNoError) {
    seen_.goaway = frame.code();
  } else if (frame.type == h2::kData && frame.stream == 1) {
    seen_.echoed_bytes += frame.payload.size();
    changed_.notify_all();
  } else if (frame.type == h2::kSettings && !is_ack) {
    owes_ack_ = !said_settings_;
    co_await send(owes_ack_ ? "" : h2::settings_ack());
  } else if (frame.type == h2::kPing && !is_ack && said_settings_ && bugs_.answers_pings) {
    co_await send(h2::frame(h2::kPing, h2::kAck, 0, frame.payload));
  }
}

io::Task<> Client::wait_for_end() {
  while (!ended_) {
    co_await changed_.wait();
  }
}

io::Task<> Client::wait_for_echo(std::size_t bytes) {
  while (seen_.echoed_bytes < bytes && !ended_) {
    co_await changed_.wait();
  }
}

io::Task<> Client::wait_for_answer() {
  while (seen_.status.empty() && !seen_.reset && !ended_) {
    co_await changed_.wait();
  }
}

// As an honest peer leaves: no more streams, close_notify, end. What it sees of that is not noted.
io::Task<> Client::leave() {
  is_leaving_ = true;
  (void)co_await as_result(send(h2::goaway(0)));
  (void)co_await as_result(tls_->shutdown_write());
  co_await wait_for_end();
}

}  // namespace

io::Task<> misbehave(HboneWorld& world, const ClientBugs& bugs, Seen& seen) {
  Client client(world, bugs, seen);
  co_await client.run();
}

}  // namespace culvert::protocol
