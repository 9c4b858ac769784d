// TlsStream: TLS 1.3 with certificates on both sides, as a stream over a stream (RFC 8446; wire-facts
// §1.2, §1.3).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ztunnel/lib/base/identity.h"
#include "ztunnel/lib/io/loop.h"
#include "ztunnel/lib/net/stream.h"
#include "ztunnel/lib/tls/certificate.h"

struct ssl_st;          // SSL
struct bio_method_st;   // BIO_METHOD

namespace culvert::tls {

// From the first byte to the last of the handshake; ztunnel has none, and a peer that stalls costs a
// descriptor for ever (wire-facts §10.9).
inline constexpr std::chrono::seconds kHandshakeTimeout{10};

// One write to the transport carries at most this much ciphertext and a record.
inline constexpr std::size_t kCiphertextBatchBytes = 128 * 1024;
// One read from the transport; a tunnel starts with the small buffer and returns to it.
inline constexpr std::size_t kCiphertextReadBytesSmall = 4 * 1024;
inline constexpr std::size_t kCiphertextReadBytesLarge = 64 * 1024;

struct TlsOptions {
  io::Duration handshake_timeout = kHandshakeTimeout;
};

class TlsStream final : public net::Stream {
 public:
  ~TlsStream() override;

  // Reads decrypted bytes; 0 after the peer's close_notify. A transport that ends without one was cut
  // (RFC 8446 §6.1): that is `closed`. Broken records and alerts are `tls`.
  io::Task<std::size_t> read_some(MutableBytes into) override;
  io::Task<> write_all(Bytes from) override;
  // Sends close_notify and ends the transport's direction.
  io::Task<> shutdown_write() override;
  void reset() override { transport_->reset(); }

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
  TlsStream(std::unique_ptr<net::Stream> transport, WorkloadIdentityPtr identity, bool is_server);

  static io::Task<std::unique_ptr<TlsStream>> open(io::Loop& loop,
                                                   std::unique_ptr<TlsStream> stream,
                                                   std::set<SpiffeId> expected,
                                                   io::Duration limit);
  io::Task<> handshake(std::set<SpiffeId> expected);
  io::Task<> fill();
  io::Task<> flush();

  std::unique_ptr<net::Stream> transport_;
  WorkloadIdentityPtr identity_;
  bool is_server_;
  SpiffeId peer_;

  // Ciphertext: what came and was not decrypted yet, what is to go, what is going. The last two are
  // apart because the reader may make output (alerts) while a write is under way.
  std::vector<std::uint8_t> incoming_;
  std::size_t incoming_begin_ = 0;
  std::size_t incoming_end_ = 0;
  bool transport_ended_ = false;
  std::vector<std::uint8_t> outgoing_;
  std::vector<std::uint8_t> sending_;
  std::unique_ptr<ssl_st, SslDeleter> ssl_;  // last: it refers to the buffers
};

// accept_tls is the server's side of a handshake on `transport`, as `identity`. The client must prove
// an identity of the same trust domain. Fails with `timed_out`, `tls` (handshake, chain, validity,
// usage; the context says which), `identity` (proved something, but not that), or the transport's
// error. Suspends.
io::Task<std::unique_ptr<TlsStream>> accept_tls(io::Loop& loop,
                                                std::unique_ptr<net::Stream> transport,
                                                WorkloadIdentityPtr identity,
                                                TlsOptions options = {});

// connect_tls is the client's side. The server must prove one of `expected`; with none the result is
// always `identity`. Sends no SNI. Note that in TLS 1.3 a server refuses a client's certificate only
// after the client's handshake is over: then the first read fails.
io::Task<std::unique_ptr<TlsStream>> connect_tls(io::Loop& loop,
                                                 std::unique_ptr<net::Stream> transport,
                                                 WorkloadIdentityPtr identity,
                                                 std::set<SpiffeId> expected,
                                                 TlsOptions options = {});

}  // namespace culvert::tls
