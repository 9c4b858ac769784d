// Pipes: they have to behave as TCP over loopback does, or what is tested over them is not tested.
// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/net/pipe_stream.h"

#include "tests/support/sim.h"
#include "tests/unit/net/tcp_pair.h"

namespace culvert::net {
namespace {

TEST_CASE(
    "a pipe carries bytes through a small buffer, waits when full, and ends each way by itself") {
  io::SimLoop loop;
  auto [a, b] = make_pipe(loop, 7);
  const std::string text = pattern(1000);
  io::Scope scope(loop);
  scope.spawn([](Stream& s, std::string t) -> io::Task<> {
    co_await write_text(s, std::move(t));
    co_await s.shutdown_write();
    CHECK(co_await read_all(s) == "answer");
  }(*a, text));
  CHECK(*block_on(loop, read_all(*b)) == text);
  CHECK(block_on(loop, write_text(*b, "answer")));
  CHECK(block_on(loop, [](Stream& s) -> io::Task<> { co_await s.shutdown_write(); }(*b)));
  CHECK(block_on(loop, join(scope)));
}

TEST_CASE("a reset ends what waits on both sides with closed") {
  io::SimLoop loop;
  auto [a, b] = make_pipe(loop, 4);
  std::optional<Errc> read;
  std::optional<Errc> write;
  io::Scope scope(loop);
  scope.spawn([](Stream& s, std::optional<Errc>& code) -> io::Task<> {
    code = code_of(co_await as_result(read_all(s)));
  }(*a, read));
  scope.spawn([](Stream& s, std::optional<Errc>& code) -> io::Task<> {
    code = code_of(co_await as_result(write_text(s, "more than fits")));
  }(*a, write));
  while (loop.turn()) {
  }
  CHECK(scope.size() == 2);
  b->reset();
  CHECK(block_on(loop, join(scope)));
  CHECK(read == Errc::closed);
  CHECK(write == Errc::closed);
}

TEST_CASE("a destroyed end is an end, or a reset if it left bytes unread") {
  io::SimLoop loop;
  {
    auto [a, b] = make_pipe(loop);
    CHECK(block_on(loop, write_text(*a, "bye")));
    a.reset();
    CHECK(*block_on(loop, read_all(*b)) == "bye");
    CHECK(code_of(block_on(loop, write_text(*b, "x"))) == Errc::closed);
  }
  {
    auto [a, b] = make_pipe(loop);
    CHECK(block_on(loop, write_text(*a, "unread")));
    b.reset();
    CHECK(code_of(block_on(loop, read_all(*a))) == Errc::closed);
  }
}

}  // namespace
}  // namespace culvert::net
