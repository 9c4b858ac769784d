// A CA that misbehaves, against ztunnel's client and store: what was good stays in force to its own
// end, nothing bad is taken, it is asked ever less often, and a CA that is well again heals it.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <array>
#include <functional>

#include "tests/protocol/framed.h"
#include "tests/protocol/log_lines.h"
#include "ztunnel/lib/control/ca_client.h"
#include "ztunnel/lib/control/proto/ca.pb.h"
#include "ztunnel/lib/io/scope.h"
#include "ztunnel/lib/io/sim_loop.h"
#include "ztunnel/lib/io/timeout.h"
#include "ztunnel/lib/net/pipe_stream.h"
#include "ztunnel/lib/tls/authority.h"
#include "ztunnel/lib/tls/key.h"

namespace culvert::protocol {
namespace {

using namespace std::chrono_literals;
using istio::v1::auth::IstioCertificateRequest;
using istio::v1::auth::IstioCertificateResponse;
using WallTime = std::chrono::system_clock::time_point;

const SpiffeId kCart{"cluster.local", "shop", "cart"};

// One call, as the CA's script sees it.
struct CaCall {
  http::H2Connection& connection;
  http::H2Stream& h2;
  tls::CertificateAuthority& authority;
  std::string csr;
  WallTime now;

  io::Task<> send_bytes(std::string bytes) {
    co_await h2.respond(200, {{"content-type", "application/grpc"}});
    co_await h2.write_all(as_bytes(bytes));
  }
  io::Task<> end(const char* code) { co_await h2.finish({{"grpc-status", code}}); }
  io::Task<> send_chain(std::vector<std::string> chain) {
    IstioCertificateResponse response;
    for (auto& pem : chain) {
      response.add_cert_chain(std::move(pem));
    }
    co_await send_bytes(framed(response.SerializeAsString()));
    co_await end("0");
  }
  io::Task<> send_leaf(tls::LeafOptions options) {
    auto leaf = co_await authority.issue(csr, options);
    co_await send_chain({std::move(leaf), authority.root_pem()});
  }
  std::string good_leaf() const { return *authority.sign(csr, kCart, now, 24h); }
};

using CaAct = std::function<io::Task<>(CaCall&)>;

io::Task<> sign_well(CaCall& call) {
  co_await call.send_chain({call.good_leaf(), call.authority.root_pem()});
}

io::Task<> for_ever(CaCall& call) {
  std::array<std::uint8_t, 16> piece;
  while (co_await call.h2.read_some(piece) > 0) {
  }
  io::Event never;
  co_await never.wait();
}

struct Bench {
  LogLines log;
  io::SimLoop loop;
  Rng rng{1};
  WallTime epoch = std::chrono::sys_days(std::chrono::year(2026) / 11 / 25);
  tls::CertificateAuthority authority = *tls::CertificateAuthority::create("test", epoch);
  CaAct act = sign_well;
  int calls = 0;
  int failures = 0;
  io::Scope scope{loop, io::Scope::OnFailure::ignore};
  control::CaClient client{loop, rng, [this] { return dial(*this); }};
  control::CertificateStore store{
      loop,
      rng,
      [this](std::string csr, SpiffeId id) { return client.sign(std::move(csr), std::move(id)); },
      {.on_failure = [this] { ++failures; }, .now = [this] { return now(); }}};

  Bench() { scope.spawn(client.run()); }
  ~Bench() { (void)block_on(loop, end(*this)); }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  WallTime now() const {
    return epoch + std::chrono::duration_cast<WallTime::duration>(loop.now().time_since_epoch());
  }
  void pass(io::Duration duration) { CHECK(block_on(loop, sleep(loop, duration))); }
  Result<tls::WorkloadIdentityPtr> get() {
    return block_on(loop, io::with_timeout(loop, 1min, "a certificate", store.get(kCart)));
  }
  std::string failure() const {
    return store.states().empty() ? "" : store.states().front().failure;
  }

  static io::Task<> sleep(io::Loop& loop, io::Duration duration) { co_await loop.sleep(duration); }
  static io::Task<> end(Bench& bench) {
    (void)co_await io::as_result(bench.store.stop());
    bench.scope.cancel();
    (void)co_await io::as_result(bench.scope.join());
  }
  static io::Task<std::unique_ptr<net::Stream>> dial(Bench& bench) {
    auto ends = net::make_pipe(bench.loop);
    bench.scope.spawn(serve(bench, std::move(ends[1])));
    co_return std::move(ends[0]);
  }
  static io::Task<> serve(Bench& bench, std::unique_ptr<net::Stream> end) {
    http::H2Connection connection(bench.loop, std::move(end), http::H2Role::server);
    io::Scope calls(bench.loop, io::Scope::OnFailure::ignore);
    io::Scope scope(bench.loop);
    scope.spawn(connection.run());
    scope.spawn(accept_all(bench, connection, calls));
    (void)co_await io::as_result(scope.join());
    calls.cancel();
    (void)co_await io::as_result(calls.join());
  }
  static io::Task<> accept_all(Bench& bench, http::H2Connection& connection, io::Scope& calls) {
    while (auto h2 = co_await connection.accept()) {
      calls.spawn(answer(bench, connection, std::move(h2)));
    }
  }
  static io::Task<> answer(Bench& bench, http::H2Connection& connection,
                           std::unique_ptr<http::H2Stream> h2) {
    ++bench.calls;
    std::string bytes;
    std::string piece(4096, '\0');
    for (;;) {
      const std::size_t n =
          co_await h2->read_some({reinterpret_cast<std::uint8_t*>(piece.data()), piece.size()});
      if (n == 0) {
        break;
      }
      bytes += piece.substr(0, n);
    }
    IstioCertificateRequest request;
    CHECK(request.ParseFromString(bytes.substr(5)));
    CaCall call{connection, *h2, bench.authority, request.csr(), bench.now()};
    const CaAct act = bench.act;
    co_await act(call);
  }
};

struct Row {
  const char* fault;
  CaAct act;
};

tls::LeafOptions options(const CaCall& call) {
  return {.uris = {to_string(kCart)}, .not_before = call.now - 1h, .not_after = call.now + 24h};
}

std::vector<Row> bad_chains() {
  return {
      {"garbage",
       [](CaCall& c) -> io::Task<> {
         co_await c.send_bytes(framed("\xff\xff"));
         co_await c.end("0");
       }},
      {"an empty chain", [](CaCall& c) -> io::Task<> { co_await c.send_chain({}); }},
      {"a leaf without a root",
       [](CaCall& c) -> io::Task<> { co_await c.send_chain({c.good_leaf()}); }},
      {"a leaf of garbage",
       [](CaCall& c) -> io::Task<> { co_await c.send_chain({"x", c.authority.root_pem()}); }},
      {"roots of garbage",
       [](CaCall& c) -> io::Task<> { co_await c.send_chain({c.good_leaf(), "x"}); }},
      {"the root for a leaf",
       [](CaCall& c) -> io::Task<> {
         co_await c.send_chain({c.authority.root_pem(), c.authority.root_pem()});
       }},
      {"a chain of a hundred",
       [](CaCall& c) -> io::Task<> {
         std::vector<std::string> chain(100, c.authority.root_pem());
         chain.front() = c.good_leaf();
         co_await c.send_chain(std::move(chain));
       }},
      {"a leaf for another key",
       [](CaCall& c) -> io::Task<> {
         c.csr = *tls::make_csr(*tls::generate_key(), kCart);
         co_await sign_well(c);
       }},
      {"a leaf for another pod",
       [](CaCall& c) -> io::Task<> {
         auto wrong = options(c);
         wrong.uris = {"spiffe://cluster.local/ns/shop/sa/till"};
         co_await c.send_leaf(wrong);
       }},
      {"a leaf of two SPIFFE IDs",
       [](CaCall& c) -> io::Task<> {
         auto wrong = options(c);
         wrong.uris.emplace_back("spiffe://cluster.local/ns/shop/sa/till");
         co_await c.send_leaf(wrong);
       }},
      {"a leaf that has expired",
       [](CaCall& c) -> io::Task<> {
         auto wrong = options(c);
         wrong.not_after = c.now - 1min;
         co_await c.send_leaf(wrong);
       }},
      {"a leaf that begins later",
       [](CaCall& c) -> io::Task<> {
         auto wrong = options(c);
         wrong.not_before = c.now + 1h;
         co_await c.send_leaf(wrong);
       }},
  };
}

std::vector<Row> broken_calls() {
  return {
      {"a message cut off",
       [](CaCall& c) -> io::Task<> {
         co_await c.send_bytes(framed("abc", 1000));
         co_await c.end("0");
       }},
      {"a claim of 4 GiB",
       [](CaCall& c) -> io::Task<> {
         co_await c.send_bytes(framed("abc", 0xffffffff));
         co_await for_ever(c);
       }},
      {"a compressed message",
       [](CaCall& c) -> io::Task<> { co_await c.send_bytes(framed("abc", {}, true)); }},
      {"two answers",
       [](CaCall& c) -> io::Task<> {
         IstioCertificateResponse response;
         response.add_cert_chain(c.good_leaf());
         response.add_cert_chain(c.authority.root_pem());
         const auto once = framed(response.SerializeAsString());
         co_await c.send_bytes(once + once);
         co_await c.end("0");
       }},
      {"an error status",
       [](CaCall& c) -> io::Task<> {
         co_await c.send_bytes("");
         co_await c.end("16");
       }},
      {"a reset",
       [](CaCall& c) -> io::Task<> {
         c.h2.reset();
         co_return;
       }},
      {"a connection that ends in the middle of a message",
       [](CaCall& c) -> io::Task<> {
         co_await c.send_bytes(framed("abc", 1000));
         c.connection.shutdown();
       }},
      {"no answer at all", for_ever},
  };
}

std::vector<Row> faults() {
  auto all = bad_chains();
  std::ranges::move(broken_calls(), std::back_inserter(all));
  return all;
}

TEST_CASE("a CA that misbehaves at a renewal takes no good certificate away and is asked less") {
  for (const auto& row : faults()) {
    INFO(std::string(row.fault));
    Bench bench;
    const auto first = bench.get();
    CHECK(first);
    bench.act = row.act;
    while (bench.calls == 1) {  // half life is at 12 h, give or take two
      bench.pass(1min);
    }
    bench.pass(5min);
    CHECK(bench.failures > 10);
    CHECK(bench.calls <= 36);  // 7 in the first minute, then every 15 s, give or take a fifth
    CHECK(!bench.failure().empty());
    CHECK(*bench.get() == *first);
    INFO(bench.log.all());
    CHECK(bench.log.with("\twarn\t") >= 1);
    CHECK(bench.log.with("\twarn\t") <= static_cast<std::size_t>(bench.failures));
    CHECK(bench.log.with("\terror\t") == 0);
    bench.act = sign_well;
    bench.pass(5min);
    const auto second = bench.get();
    CHECK(second);
    CHECK(*second != *first);
    CHECK(bench.failure().empty());
  }
}

TEST_CASE(
    "a CA that misbehaves from the start gives nobody anything, and is found when it is well") {
  for (const auto& row : faults()) {
    INFO(std::string(row.fault));
    Bench bench;
    bench.act = row.act;
    CHECK(!bench.get());
    CHECK(bench.failures >= 5);
    CHECK(bench.calls <= 30);
    CHECK(bench.log.with("\twarn\t") <= 7);  // one in ten seconds
    bench.act = sign_well;
    const auto got = bench.get();
    CHECK(got);
  }
}

}  // namespace
}  // namespace culvert::protocol
