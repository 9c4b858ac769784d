// TlsStream: TLS 1.3 as a stream over a stream (RFC 8446; wire-facts §1.2, §1.3): between
// workloads, with certificates on both sides, and as an ordinary client of a server that has a
// name.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "ztunnel/lib/base/identity.h"
#include "ztunnel/lib/io/loop.h"
#include "ztunnel/lib/net/stream.h"
#include "ztunnel/lib/tls/certificate.h"
#include "ztunnel/lib/tls/client_context.h"
#include "ztunnel/lib/tls/record_buffer.h"

struct ssl_st;      // SSL
struct ssl_ctx_st;  // SSL_CTX

namespace culvert::tls {

struct Handshake;

// From the first byte to the last of the handshake; ztunnel has none, and a peer that stalls costs
// a descriptor for ever (wire-facts §10.9).
inline constexpr std::chrono::seconds kHandshakeTimeout{10};

// What an idle connection keeps for its next read: a record of 1 KiB fits, so that small requests
// cost one read. A read that fills it is followed by one of kRecordBufferBytes.
inline constexpr std::size_t kIdleReadBytes = 1152;

struct TlsOptions {
  io::Duration handshake_timeout = kHandshakeTimeout;
};

class TlsStream final : public net::Stream {
 public:
  ~TlsStream() override;

  // Reads decrypted bytes; 0 after the peer's close_notify. A transport that ends without one was
  // cut (RFC 8446 §6.1): that is `closed`. Broken records and alerts are `tls`.
  io::Task<std::size_t> read_some(MutableBytes into) override;
  // Encrypts in records of 16 KiB and gives the transport up to four at a time. When a write failed
  // or was cancelled a record may be half sent, so later ones fail with `closed`.
  io::Task<> write_all(Bytes from) override;
  // Sends close_notify and ends the transport's direction. Harmless when repeated.
  io::Task<> shutdown_write() override;
  void reset() override { transport_->reset(); }
  bool broken() const override { return transport_->broken(); }

  // peer_identity is what a workload proved; empty when the peer is a server with a name.
  const SpiffeId& peer_identity() const { return peer_; }
  std::string_view cipher() const;  // such as "TLS_AES_128_GCM_SHA256"
  std::string_view group() const;   // such as "X25519MLKEM768"

 private:
  struct SslDeleter {
    void operator()(ssl_st* ssl) const;
  };
  friend struct TransportBio;
  friend io::Task<std::unique_ptr<TlsStream>> accept_tls(io::Loop&, std::unique_ptr<net::Stream>,
                                                         WorkloadIdentityPtr, TlsOptions);
  friend io::Task<std::unique_ptr<TlsStream>> connect_tls(io::Loop&, std::unique_ptr<net::Stream>,
                                                          WorkloadIdentityPtr, std::set<SpiffeId>,
                                                          TlsOptions);
  friend io::Task<std::unique_ptr<TlsStream>> connect_tls(io::Loop&, std::unique_ptr<net::Stream>,
                                                          ClientContextPtr, std::string,
                                                          TlsOptions);
  // `owner` keeps `context` alive.
  TlsStream(std::unique_ptr<net::Stream> transport, std::shared_ptr<const void> owner,
            ssl_ctx_st* context, bool is_server);

  static io::Task<std::unique_ptr<TlsStream>> open(io::Loop& loop,
                                                   std::unique_ptr<TlsStream> stream,
                                                   Handshake facts, io::Duration limit);
  io::Task<> handshake(Handshake facts);
  io::Task<> fill();
  io::Task<> flush();

  std::unique_ptr<net::Stream> transport_;
  std::shared_ptr<const void> context_owner_;
  SpiffeId peer_;

  // Ciphertext that came and was not decrypted yet: a part of one of the two buffers.
  Bytes incoming_;
  std::array<std::uint8_t, kIdleReadBytes> idle_buffer_;
  RecordBuffer incoming_buffer_;
  bool last_read_was_full_ = false;
  bool transport_ended_ = false;
  // Ciphertext that is to go, and that is going: apart, because the reader may make output (the
  // answer to a KeyUpdate, an alert) while a write is under way. The reader never sends: its output
  // goes with the next write, so that it can't be stopped by a peer that does not read.
  RecordBuffer outgoing_;
  RecordBuffer sending_;
  bool write_ended_ = false;                 // close_notify was made
  bool write_broken_ = false;                // a record may have been sent in part
  std::unique_ptr<ssl_st, SslDeleter> ssl_;  // last: it refers to the buffers
};

// accept_tls is the server's side of a handshake on `transport`, as `identity`. The client must
// prove an identity of the same trust domain. Fails with `timed_out`, `tls` (handshake, chain,
// validity, usage; the context says which), `identity` (proved something, but not that), or the
// transport's error. Suspends.
io::Task<std::unique_ptr<TlsStream>> accept_tls(io::Loop& loop,
                                                std::unique_ptr<net::Stream> transport,
                                                WorkloadIdentityPtr identity,
                                                TlsOptions options = {});

// connect_tls is the client's side. The server must prove one of `expected`; with none the result
// is always `identity`. Sends no SNI. Note that in TLS 1.3 a server refuses a client's certificate
// only after the client's handshake is over: then the first read fails.
io::Task<std::unique_ptr<TlsStream>> connect_tls(io::Loop& loop,
                                                 std::unique_ptr<net::Stream> transport,
                                                 WorkloadIdentityPtr identity,
                                                 std::set<SpiffeId> expected,
                                                 TlsOptions options = {});

// connect_tls with a name is an ordinary client: the server's certificate must lead to a root of
// `context` and be for `server_name`, a DNS name (sent as SNI) or an IP address. Fails as above; a
// certificate for another name is `tls`.
io::Task<std::unique_ptr<TlsStream>> connect_tls(io::Loop& loop,
                                                 std::unique_ptr<net::Stream> transport,
                                                 ClientContextPtr context, std::string server_name,
                                                 TlsOptions options = {});

}  // namespace culvert::tls
