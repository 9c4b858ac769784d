// Plays a row of a table of misbehaviour, and checks what it promises.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "tests/protocol/hbone_bugs.h"
#include "tests/protocol/heap.h"
#include "tests/unit/obs/captured_log.h"

namespace culvert::protocol {
namespace {

// What one tunnel may make the process hold beyond what it held: the windows of a few streams, one
// batch of output, TLS records; and what the peer's own end holds.
constexpr std::size_t kHeapPerOffenderMax = 4 * 1024 * 1024;
// A tunnel's goodbye takes 3 s, and what is left of its streams 10 s (proxy/limits.h).
constexpr io::Duration kSettle = 14s;

std::uint64_t counted(HboneWorld& world, proxy::Offence offence) {
  return world.server.metrics
      .counter("culvert_peer_offences_total", "", {{"reason", std::string(name(offence))}})
      .value();
}

std::size_t lines_of_offences(const std::string& log) {
  std::size_t lines = 0;
  for (auto at = log.find("\tproxy\t"); at != std::string::npos;
       at = log.find("\tproxy\t", at + 1)) {
    ++lines;
  }
  return lines;
}

void check_seen(const Seen& seen, const Verdict& verdict) {
  CHECK(seen.status == verdict.status);
  CHECK(seen.reset == verdict.reset);
  CHECK(seen.goaway == verdict.goaway);
  CHECK(seen.alert == verdict.alert);
  CHECK(seen.end == verdict.end);
  if (verdict.end != End::none) {
    CHECK(seen.ended_after <= verdict.within);
    CHECK(seen.ended_after >= verdict.not_before);
  }
  if (verdict.stream_1_lives) {
    CHECK(seen.echoed_bytes == kSaidBefore + kSaidAfter);
  }
}

void check_counters(HboneWorld& world, const Row& row) {
  for (std::size_t i = 0; i < proxy::kOffenceCount; ++i) {
    const auto offence = static_cast<proxy::Offence>(i);
    const bool is_it = row.verdict.offence == offence;
    CAPTURE(name(offence));
    CHECK(counted(world, offence) == (is_it ? static_cast<std::uint64_t>(row.offenders) : 0));
  }
}

io::Task<> play(HboneWorld& world, const Row& row, std::vector<Seen>& seen) {
  const auto application = world.call();
  co_await world.exchange(*application);
  co_await world.loop.sleep(kSettle);
  const auto frames_before = io::frame_census().live;
  const auto fibers_before = world.scope.size();

  bool over = false;
  Result<> honest;
  io::Scope beside(world.loop);
  beside.spawn(world.stay_honest(*application, over, honest));
  io::Scope offenders(world.loop, io::Scope::OnFailure::ignore);
  for (Seen& one : seen) {
    offenders.spawn(misbehave(world, row.bugs, one));
  }
  co_await offenders.join();
  over = true;
  co_await beside.join();
  co_await std::move(honest);
  co_await world.exchange(*application);
  co_await world.loop.sleep(kSettle);

  CHECK(io::frame_census().live == frames_before);
  CHECK(world.scope.size() == fibers_before);
  CHECK(world.server.tracker.size() == 1);
}

io::Task<> play_and_close(HboneWorld& world, const Row& row, std::vector<Seen>& seen) {
  auto played = co_await as_result(play(world, row, seen));
  (void)co_await as_result(world.close());
  co_await std::move(played);
}

}  // namespace

void check(const Row& row) {
  obs::CapturedLog log(obs::LogFormat::text, "off,proxy=warn");
  io::SimLoop loop(7);
  HboneWorld world(loop);
  world.reached = row.application;
  // nghttp2 measures in real time, and a slow machine never comes to the real limit.
  world.server.context.inbound_http.resets_per_second_max = 100;
  std::vector<Seen> seen(static_cast<std::size_t>(row.offenders));
  const std::size_t heap_before = heap_bytes();
  const auto played = io::block_on(loop, play_and_close(world, row, seen));
  CHECK_MESSAGE(played, to_string(played ? Error{} : played.error()));
  for (const Seen& one : seen) {
    check_seen(one, row.verdict);
    CHECK(one.peak_heap_bytes <= heap_before + seen.size() * kHeapPerOffenderMax);
  }
  check_counters(world, row);
  if (row.verdict.reaches) {
    CHECK(world.delivered.size() ==
          1 + seen.size() * static_cast<std::size_t>(*row.verdict.reaches));
  }
  CAPTURE(log.text());
  CHECK(lines_of_offences(log.text()) == (row.verdict.offence ? 1 : 0));
}

}  // namespace culvert::protocol
