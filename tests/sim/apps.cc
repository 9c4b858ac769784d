// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/apps.h"

#include <fmt/format.h>

#include <algorithm>

namespace culvert::sim {
namespace {

constexpr std::size_t kReadBytes = 4096;

// What the two fibers of one end share.
struct Playing {
  Stage& stage;
  Flow& flow;
  std::size_t side;
  net::Stream& stream;
  io::Event peer_ended;

  Side& own() const { return flow.sides[side]; }
  const Side& other() const { return flow.sides[1 - side]; }
};

io::Task<> pause(Playing& playing, io::Duration duration) {
  if (duration > io::Duration::zero()) {
    co_await playing.stage.loop().sleep(duration);
  }
}

io::Task<> write_name(Playing& playing) {
  std::array<std::uint8_t, kNameBytes> name{};
  for (std::size_t i = 0; i < kNameBytes; ++i) {
    name[i] = static_cast<std::uint8_t>(playing.flow.number >> (8 * i));
  }
  co_await playing.stream.write_all(name);
}

io::Task<> write_side(Playing& playing) {
  Side& own = playing.own();
  if (playing.side == kClient) {
    co_await write_name(playing);
  }
  std::vector<std::uint8_t> chunk;
  while (own.sent < own.plan.bytes) {
    chunk.resize(std::min(own.plan.chunk_bytes, own.plan.bytes - own.sent));
    for (auto& byte : chunk) {
      byte = byte_at(playing.flow, playing.side, own.sent++);
    }
    co_await playing.stream.write_all(chunk);
    co_await pause(playing, own.plan.write_pause);
  }
  if (own.plan.end == End::rst) {
    own.sent_end = End::rst;
    playing.stream.reset();
    co_return;
  }
  while (own.plan.end == End::none && own.seen_end == End::none) {
    co_await playing.peer_ended.wait();
  }
  own.sent_end = End::fin;
  co_await playing.stream.shutdown_write();
}

void take(Playing& playing, Bytes bytes) {
  Side& own = playing.own();
  for (const auto byte : bytes) {
    if (byte != byte_at(playing.flow, 1 - playing.side, own.received)) {
      playing.stage.problem(fmt::format("flow {}: byte {} to the {} is not the one that was sent",
                                        playing.flow.number, own.received,
                                        playing.side == kClient ? "client" : "server"));
      return;
    }
    ++own.received;
  }
  if (own.received > playing.other().sent) {
    playing.stage.problem(
        fmt::format("flow {}: more bytes came than were sent", playing.flow.number));
  }
}

io::Task<> read_side(Playing& playing, io::Scope& both) {
  Side& own = playing.own();
  std::array<std::uint8_t, kReadBytes> buffer{};
  for (;;) {
    auto count = co_await as_result(playing.stream.read_some(buffer));
    if (!count) {
      if (count.error().code == Errc::closed && own.sent_end != End::rst) {
        own.seen_end = End::rst;
      }
      both.cancel();
      co_return;
    }
    if (*count == 0) {
      own.seen_end = End::fin;
      playing.peer_ended.notify_all();
      co_return;
    }
    take(playing, Bytes(buffer).first(*count));
    co_await pause(playing, own.plan.read_pause);
  }
}

io::Task<> play(Stage& stage, Flow& flow, std::size_t side, net::Stream& stream) {
  Playing playing{stage, flow, side, stream, {}};
  io::Scope both(stage.loop(), io::Scope::OnFailure::ignore);
  both.spawn(write_side(playing));
  both.spawn(read_side(playing, both));
  (void)co_await as_result(both.join());
  Side& own = flow.sides[side];
  own.done = true;
  flow.done_at = stage.loop().now();
  stage.trace(fmt::format("flow {}: the {} is done: sent {} and {}, received {} and saw {}",
                          flow.number, side == kClient ? "client" : "server", own.sent,
                          name(own.sent_end), own.received, name(own.seen_end)));
}

// Reads the number of the flow; nothing if the connection ends before.
io::Task<std::optional<std::uint64_t>> read_name(net::Stream& stream, bool& saw_fin) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < kNameBytes; ++i) {
    std::array<std::uint8_t, 1> byte{};
    auto count = co_await as_result(stream.read_some(byte));
    if (!count || *count == 0) {
      saw_fin = count.has_value();
      co_return std::nullopt;
    }
    number |= std::uint64_t{byte[0]} << (8 * i);
  }
  co_return number;
}

}  // namespace

io::Task<> run_client(Stage& stage, Flow& flow) {
  flow.began = stage.loop().now();
  flow.done_at = flow.began;
  const auto stream = stage.connect(flow);
  if (stream == nullptr) {
    flow.sides[kClient].done = true;
    co_return;
  }
  flow.sides[kClient].present = true;
  stage.trace(fmt::format("flow {}: {} calls {} from {}", flow.number, flow.source,
                          flow.destination, to_string(flow.from)));
  co_await play(stage, flow, kClient, *stream);
}

io::Task<> run_server(Stage& stage, std::size_t caller, std::size_t who,
                      std::unique_ptr<net::Stream> stream) {
  bool saw_fin = false;
  const auto number = co_await read_name(*stream, saw_fin);
  if (!number) {
    if (saw_fin) {
      stage.problem(
          fmt::format("a connection of {} to {} ended with FIN before its first bytes, "
                      "which no client sends",
                      caller, who));
    }
    co_return;
  }
  Flow* flow = stage.flow(*number);
  if (flow == nullptr || flow->source != caller || flow->destination != who) {
    stage.problem(fmt::format("bytes of flow {} reached {} as if from {}", *number, who, caller));
    co_return;
  }
  if (flow->sides[kServer].present) {
    stage.problem(fmt::format("flow {} was delivered twice", *number));
    co_return;
  }
  flow->sides[kServer].present = true;
  co_await play(stage, *flow, kServer, *stream);
}

}  // namespace culvert::sim
