// Plays the server of hbone_server_bugs.h, and checks what a row promises.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>

#include "tests/protocol/hbone_server_bugs.h"
#include "tests/protocol/slow_stream.h"
#include "tests/support/peers/raw_tls.h"
#include "tests/unit/obs/captured_log.h"
#include "ztunnel/lib/io/timeout.h"
#include "ztunnel/proxy/limits.h"

namespace culvert::protocol {
namespace {

constexpr std::size_t kReadBytes = 64 * 1024;
constexpr int kCallers = 3;
constexpr int kFloodRounds = 1000;
// Longer than any deadline that a table promises; the caller's own, should the promise not hold.
constexpr io::Duration kPatience = 120s;
// A tunnel's goodbye takes 3 s, and what is left of its streams 10 s (proxy/limits.h).
constexpr io::Duration kSettle = 14s;

struct Heard {
  std::string alert;
  std::optional<std::uint32_t> reset;
  std::optional<std::uint32_t> goaway;
};

// The frames of `bytes` that are on stream 1, as the tables write them, on `stream` instead.
std::string on_stream(std::uint32_t stream, std::string bytes) {
  for (std::size_t at = 0; at + 9 <= bytes.size();) {
    const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[at + i]); };
    if (bytes.compare(at + 5, 4, h2::number(1)) == 0) {
      bytes.replace(at + 5, 4, h2::number(stream));
    }
    at += 9 + (static_cast<std::size_t>(byte(0)) << 16 | static_cast<std::size_t>(byte(1)) << 8 |
               byte(2));
  }
  return bytes;
}

// One tunnel of the server.
class Server {
 public:
  Server(io::Loop& loop, const ServerBugs& bugs, Heard& heard)
      : loop_(loop), bugs_(bugs), heard_(heard) {}

  io::Task<> run(std::unique_ptr<net::Stream> transport);

 private:
  io::Task<> shake_hands();
  io::Task<> speak_http2();
  io::Task<> answer(std::uint32_t stream);
  io::Task<> hear(h2::Frame frame);
  io::Task<> send(std::string bytes, ServerPhase half, ServerPhase whole);
  io::Task<> reach(ServerPhase phase);
  io::Task<> listen();

  io::Loop& loop_;
  const ServerBugs& bugs_;
  Heard& heard_;
  SlowStream* slow_ = nullptr;
  std::unique_ptr<tls::RawTls> tls_;
  h2::FrameReader frames_;
  bool greeted_ = false;
};

io::Task<> Server::run(std::unique_ptr<net::Stream> transport) {
  auto slow = std::make_unique<SlowStream>(loop_, std::move(transport));
  slow_ = slow.get();
  const auto shown = credentials(bugs_.shows, /* as_server= */ true);
  tls_ = std::make_unique<tls::RawTls>(std::move(slow),
                                       tls::RawTlsOptions{.is_server = true,
                                                          .key_pem = shown.key_pem,
                                                          .chain_pem = shown.chain_pem,
                                                          .version_max = bugs_.tls_version_max,
                                                          .alpn = bugs_.alpn});
  auto played = co_await as_result(shake_hands());
  if (played) {
    (void)co_await as_result(speak_http2());
  }
  if (heard_.alert.empty()) {
    heard_.alert = tls_->alert();
  }
}

io::Task<> Server::shake_hands() {
  co_await reach(ServerPhase::tcp);
  if (!bugs_.instead_of_tls.empty()) {
    co_await tls_->transport().write_all(as_bytes(bugs_.instead_of_tls));
    co_await listen();
    co_await fail(Errc::closed, "that was all");
  }
  auto flight = co_await tls_->take_flight();
  co_await send(std::move(flight), ServerPhase::half_flight, ServerPhase::handshake);
  (void)co_await tls_->take_flight();  // the client's last one; ours is empty, there are no tickets
  greeted_ = true;
}

io::Task<> Server::speak_http2() {
  co_await send(bugs_.settings, ServerPhase::settings, ServerPhase::settings);
  co_await listen();
}

io::Task<> Server::listen() {
  std::vector<std::uint8_t> buffer(kReadBytes);
  for (;;) {
    const std::size_t count = co_await tls_->read_some(buffer);
    if (count == 0) {
      co_return;
    }
    frames_.add(Bytes(buffer).first(count), /* skips_magic= */ true);
    while (auto frame = frames_.next()) {
      co_await hear(std::move(*frame));
    }
  }
}

io::Task<> Server::hear(h2::Frame frame) {
  const bool is_ack = (frame.flags & h2::kAck) != 0;
  if (frame.type == h2::kHeaders) {
    co_await reach(ServerPhase::request);
    co_await answer(frame.stream);
  } else if (frame.type == h2::kData && !frame.payload.empty() && bugs_.echoes) {
    co_await send(h2::data(frame.stream, frame.payload) +
                      h2::window_update(0, static_cast<std::uint32_t>(frame.payload.size())),
                  ServerPhase::half_data, ServerPhase::data);
  } else if (frame.type == h2::kRstStream) {
    heard_.reset = frame.code();
  } else if (frame.type == h2::kGoaway && frame.code() != h2::kNoError) {
    heard_.goaway = frame.code();
  } else if (frame.type == h2::kSettings && !is_ack) {
    co_await tls_->write_all(as_bytes(h2::settings_ack()));
  } else if (frame.type == h2::kPing && !is_ack && bugs_.answers_pings) {
    co_await tls_->write_all(as_bytes(h2::frame(h2::kPing, h2::kAck, 0, frame.payload)));
  }
}

io::Task<> Server::answer(std::uint32_t stream) {
  co_await send(on_stream(stream, bugs_.answer), ServerPhase::half_answer, ServerPhase::answer);
  if (!bugs_.after.empty()) {
    co_await tls_->write_all(as_bytes(on_stream(stream, bugs_.after)));
  }
  const auto flood = on_stream(stream, bugs_.flood);
  for (int round = 0; round < kFloodRounds && !flood.empty(); ++round) {
    if (!co_await as_result(tls_->write_all(as_bytes(flood)))) {
      co_return;  // what was said at last is still to be read
    }
  }
}

// Sends `bytes` unless the server stops at their half or behind them.
io::Task<> Server::send(std::string bytes, ServerPhase half, ServerPhase whole) {
  if (bugs_.stops_at == half && half != whole) {
    bytes.resize(bytes.size() / 2);
  }
  if (bugs_.drips_from == half) {
    slow_->drip(1s);
  }
  if (greeted_) {
    co_await tls_->write_all(as_bytes(bytes));
  } else {
    co_await tls_->transport().write_all(as_bytes(bytes));
  }
  co_await reach(half);
  co_await reach(whole);
}

io::Task<> Server::reach(ServerPhase phase) {
  if (phase != bugs_.stops_at) {
    co_return;
  }
  if (bugs_.ending == ServerEnding::fin) {
    co_await loop_.sleep(10ms);  // what was sent is read before
    co_await tls_->transport().shutdown_write();
  } else if (bugs_.ending == ServerEnding::reset) {
    co_await loop_.sleep(10ms);
    tls_->reset();
  }
  // Reads until the client is gone, as the network would take it from it, and answers nothing.
  std::array<std::uint8_t, 4096> buffer{};
  while (co_await tls_->transport().read_some(buffer) > 0) {
  }
  co_await fail(Errc::closed, "the server stops here");
}

// One application's call of the server.
struct Called {
  std::string got;
  AppEnd end = AppEnd::none;
  io::Duration ended_after{};
};

io::Task<> read_to_end(net::Stream& application, Called& called) {
  std::vector<std::uint8_t> buffer(kReadBytes);
  for (;;) {
    auto count = co_await as_result(application.read_some(buffer));
    if (!count && count.error().code == Errc::cancelled) {
      co_return;
    }
    if (!count || *count == 0) {
      called.end = count ? AppEnd::fin : AppEnd::reset;
      co_return;
    }
    called.got += as_text(Bytes(buffer).first(*count));
  }
}

io::Task<> call_rogue(HboneWorld& world, const ServerVerdict& verdict, Called& called) {
  const auto began = world.loop.now();
  const auto application = world.call(kRogue);
  (void)co_await as_result(application->write_all(as_bytes(kSaid)));
  const io::Duration patience = verdict.end == AppEnd::none ? io::Duration(60s) : kPatience;
  (void)co_await as_result(io::with_timeout(world.loop, patience, "the caller's patience",
                                            read_to_end(*application, called)));
  called.ended_after = world.loop.now() - began;
  if (called.end == AppEnd::none) {
    application->reset();
  } else {
    (void)co_await as_result(application->shutdown_write());
  }
}

std::uint64_t failures_of(const sim::Node& node) {
  const std::string body = node.metrics.expose("").body;
  std::uint64_t sum = 0;
  for (auto at = body.find("\nistio_tcp_connections_failed_total{"); at != std::string::npos;
       at = body.find("\nistio_tcp_connections_failed_total{", at + 1)) {
    const auto end = body.find('\n', at + 1);
    const auto space = body.rfind(' ', end);
    std::uint64_t value = 0;
    std::from_chars(body.data() + space + 1, body.data() + end, value);
    sum += value;
  }
  return sum;
}

std::size_t failed_lines(const std::string& log) {
  std::size_t count = 0;
  for (std::size_t from = 0; from < log.size();) {
    const auto end = std::min(log.find('\n', from), log.size());
    const auto line = std::string_view(log).substr(from, end - from);
    count += line.contains("10.0.0.9") && line.contains("error=");
    from = end + 1;
  }
  return count;
}

io::Task<> play(HboneWorld& world, const ServerRow& row, std::vector<Called>& calls) {
  const auto application = world.call();
  co_await world.exchange(*application);
  co_await world.loop.sleep(kSettle);
  const auto frames_before = io::frame_census().live;
  const auto fibers_before = world.scope.size();

  bool over = false;
  Result<> honest;
  io::Scope beside(world.loop);
  beside.spawn(world.stay_honest(*application, over, honest));
  for (Called& one : calls) {  // one after the other: each has a tunnel of its own
    co_await call_rogue(world, row.verdict, one);
    co_await world.loop.sleep(kSettle);
  }
  over = true;
  co_await beside.join();
  co_await std::move(honest);
  co_await world.exchange(*application);
  co_await world.loop.sleep(proxy::kIdleTunnelTimeout + kSettle);

  // A PING that is under way at that very moment is no leak.
  for (int i = 0; i < 10 && io::frame_census().live > frames_before; ++i) {
    co_await world.loop.sleep(7ms);
  }
  CHECK(io::frame_census().live <= frames_before);
  CHECK(world.scope.size() <= fibers_before);
  CHECK(world.client.tracker.size() == 1);
}

io::Task<> play_and_close(HboneWorld& world, const ServerRow& row, std::vector<Called>& calls) {
  auto played = co_await as_result(play(world, row, calls));
  (void)co_await as_result(world.close());
  co_await std::move(played);
}

}  // namespace

void check(const ServerRow& row) {
  obs::CapturedLog log(obs::LogFormat::text);
  io::SimLoop loop(7);
  HboneWorld world(loop);
  Heard heard;
  world.rogue = [&](std::unique_ptr<net::Stream> transport) -> io::Task<> {
    return [](io::Loop& on, const ServerBugs& bugs, Heard& hears,
              std::unique_ptr<net::Stream> from) -> io::Task<> {
      Server server(on, bugs, hears);
      (void)co_await as_result(server.run(std::move(from)));
    }(loop, row.bugs, heard, std::move(transport));
  };
  std::vector<Called> calls(kCallers);
  const auto played = io::block_on(loop, play_and_close(world, row, calls));
  CHECK_MESSAGE(played, to_string(played ? Error{} : played.error()));
  const ServerVerdict& verdict = row.verdict;
  CAPTURE(log.text());
  for (const Called& one : calls) {
    CHECK(one.got == verdict.got);
    CHECK(one.end == verdict.end);
    if (verdict.end != AppEnd::none) {
      CHECK(one.ended_after <= verdict.within);
      CHECK(one.ended_after >= verdict.not_before);
    }
  }
  CHECK(heard.alert == verdict.alert);
  if (verdict.end != AppEnd::none) {
    constexpr std::uint32_t kNone = 0xffffffff;
    CHECK(heard.reset.value_or(kNone) == verdict.reset.value_or(kNone));
    CHECK(heard.goaway.value_or(kNone) == verdict.goaway.value_or(kNone));
  }
  if (verdict.tunnels) {
    CHECK(world.dials == kCallers * *verdict.tunnels);
  }
  if (verdict.end == AppEnd::reset) {
    CHECK(failed_lines(log.text()) == kCallers);
  }
  if (verdict.end == AppEnd::reset) {
    CHECK(failures_of(world.client) == kCallers + 1);  // the honest one was cut with its world
  }
}

}  // namespace culvert::protocol
