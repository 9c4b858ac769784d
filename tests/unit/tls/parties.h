// Who takes part in the tests of this room: authorities, identities, and both ends of a handshake
// over a pipe on the simulated loop.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "ztunnel/lib/io/sim_loop.h"
#include "ztunnel/lib/net/pipe_stream.h"
#include "ztunnel/lib/tls/authority.h"
#include "ztunnel/lib/tls/certificate.h"
#include "ztunnel/lib/tls/key.h"
#include "ztunnel/lib/tls/stream.h"

namespace culvert::tls {

using namespace std::chrono_literals;

inline std::chrono::system_clock::time_point now() {
  return std::chrono::system_clock::now();  // BoringSSL checks validity by it
}

inline SpiffeId spiffe(std::string service_account, std::string trust_domain = "cluster.local") {
  return {std::move(trust_domain), "demo", std::move(service_account)};
}

inline CertificateAuthority authority() {
  auto made = CertificateAuthority::create("test", now());
  REQUIRE(made);
  return std::move(*made);
}

// What a leaf says, with what a good one would say where nothing else is given.
inline LeafOptions leaf(std::vector<std::string> uris) {
  return {.uris = std::move(uris), .not_before = now() - 1min, .not_after = now() + 1h};
}

// A party whose leaf `ca` issued as `options` says; it trusts `trusted`, or else `ca`.
inline Result<WorkloadIdentityPtr> party(const CertificateAuthority& ca, const LeafOptions& options,
                                         const std::string& trusted = "") {
  TRY(const auto key, generate_key());
  TRY(const auto csr, make_csr(key, spiffe("requested")));
  TRY(const auto pem, ca.issue(csr, options));
  return WorkloadIdentity::make(key, std::vector<std::string>{pem},
                                trusted.empty() ? ca.root_pem() : trusted);
}

inline WorkloadIdentityPtr party(const CertificateAuthority& ca, const SpiffeId& id) {
  auto made = party(ca, leaf({to_string(id)}));
  REQUIRE(made);
  return *made;
}

struct Handshaken {
  std::optional<Result<std::unique_ptr<TlsStream>>> server;
  std::optional<Result<std::unique_ptr<TlsStream>>> client;
};

inline io::Task<> accept_into(io::Loop& loop, std::unique_ptr<net::Stream> transport,
                              WorkloadIdentityPtr identity,
                              std::optional<Result<std::unique_ptr<TlsStream>>>& out) {
  out.emplace(co_await as_result(accept_tls(loop, std::move(transport), std::move(identity))));
}

inline io::Task<> connect_into(io::Loop& loop, std::unique_ptr<net::Stream> transport,
                               WorkloadIdentityPtr identity, std::set<SpiffeId> expected,
                               std::optional<Result<std::unique_ptr<TlsStream>>>& out) {
  out.emplace(co_await as_result(
      connect_tls(loop, std::move(transport), std::move(identity), std::move(expected))));
}

inline io::Task<> join(io::Scope& scope) {
  co_await scope.join();
}

// Lets `client` connect to `server` and take only those of `expected`.
inline Handshaken shake_hands(io::Loop& loop, WorkloadIdentityPtr server,
                              WorkloadIdentityPtr client, std::set<SpiffeId> expected,
                              std::size_t pipe_bytes = net::kPipeBytes) {
  auto [a, b] = net::make_pipe(loop, pipe_bytes);
  Handshaken hands;
  io::Scope scope(loop);
  scope.spawn(accept_into(loop, std::move(a), std::move(server), hands.server));
  scope.spawn(
      connect_into(loop, std::move(b), std::move(client), std::move(expected), hands.client));
  REQUIRE(block_on(loop, join(scope)));
  return hands;
}

// A connection of two good parties.
struct Connection {
  std::unique_ptr<TlsStream> server;
  std::unique_ptr<TlsStream> client;
};

inline Connection connection(io::Loop& loop, std::size_t pipe_bytes = net::kPipeBytes) {
  const auto ca = authority();
  auto hands = shake_hands(loop, party(ca, spiffe("server")), party(ca, spiffe("client")),
                           {spiffe("server")}, pipe_bytes);
  REQUIRE(*hands.server);
  REQUIRE(*hands.client);
  return {.server = std::move(**hands.server), .client = std::move(**hands.client)};
}

inline io::Task<std::string> read_all(net::Stream& stream) {
  std::string text;
  std::vector<std::uint8_t> buffer(4096);
  for (;;) {
    const std::size_t count = co_await stream.read_some(buffer);
    if (count == 0) {
      co_return text;
    }
    text += as_text(Bytes(buffer).first(count));
  }
}

inline io::Task<> write_text(net::Stream& stream, std::string text) {
  co_await stream.write_all(as_bytes(text));
}

inline io::Task<> end(net::Stream& stream) {
  co_await stream.shutdown_write();
}

}  // namespace culvert::tls
