// TlsStream: mutual TLS 1.3 with SPIFFE identities over any Stream.
// Source of truth: RFC 8446; for what peers expect, Istio's ztunnel tls/mod.rs, tls/workload.rs.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <set>
#include <string>

#include "ztunnel/lib/base/identity.h"
#include "ztunnel/lib/io/loop.h"
#include "ztunnel/lib/net/stream.h"
#include "ztunnel/lib/tls/certificate.h"
#include "ztunnel/lib/tls/record_buffer.h"

namespace culvert::tls {

// 10 s from the first byte sent or awaited: what Istio's ztunnel once had. Without it a peer that
// says nothing holds a descriptor for ever.
inline constexpr auto kHandshakeLimit = std::chrono::seconds(10);

struct TlsOptions {
  io::Duration handshake_limit = kHandshakeLimit;
};

class TlsStream final : public net::Stream {
 public:
  ~TlsStream() override;

  // read_some gives 0 after the peer's close_notify. A transport that ends without one was cut, by
  // whom is unknown: that fails with `closed`. A broken record, and an alert (the server refused
  // our certificate: in TLS 1.3 the client learns it here), fails with `tls`.
  io::Task<std::size_t> read_some(MutableBytes into) override;

  // write_all encrypts in records of 16 KiB and gives the transport up to four of them at a time.
  // If it fails or is cancelled, a record may be half sent: later writes fail with `closed`.
  io::Task<> write_all(Bytes from) override;

  // shutdown_write sends close_notify and ends the transport's direction.
  io::Task<> shutdown_write() override;
  void reset() override;

  const SpiffeId& peer_identity() const;
  // The chain as the peer sent it, as PEM.
  std::string peer_chain_pem() const;
  std::string_view group() const;   // "X25519MLKEM768"
  std::string_view cipher() const;  // "TLS_AES_256_GCM_SHA384"

 private:
  friend class Handshake;
  struct State;
  explicit TlsStream(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// accept_tls is the server's side: takes a client whose chain leads to the roots of `identity`, for
// client authentication, at this time, with exactly one SPIFFE identity, of our own trust domain.
// Fails with `identity` if that identity is none or a foreign one, with `tls` on everything else
// about the handshake, with `timed_out` after the limit, with `closed` when the peer goes away. The
// peer has been sent the alert, where there is one. `loop` must outlive the stream.
io::Task<std::unique_ptr<TlsStream>> accept_tls(io::Loop& loop,
                                                std::unique_ptr<net::Stream> transport,
                                                IdentityPtr identity, TlsOptions options = {});

// connect_tls is the client's side: takes a server whose chain leads to the roots of `identity`,
// for server authentication, at this time, and whose one SPIFFE identity is in `expected`; an empty
// set fails at once with `identity`. Otherwise as accept_tls.
io::Task<std::unique_ptr<TlsStream>> connect_tls(io::Loop& loop,
                                                 std::unique_ptr<net::Stream> transport,
                                                 IdentityPtr identity, std::set<SpiffeId> expected,
                                                 TlsOptions options = {});

}  // namespace culvert::tls
