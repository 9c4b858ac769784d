// RawTls: one end of a TLS connection that BoringSSL drives without our rules, over any stream: the
// peers that a mesh never makes, and attackers do.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "ztunnel/lib/net/stream.h"

namespace culvert::tls {

// What such an end shows and wants. It believes whatever the other end proves.
struct RawTlsOptions {
  bool is_server = false;
  std::string key_pem;  // empty: no certificate
  std::string chain_pem;
  std::uint16_t version_max = TLS1_3_VERSION;
  std::string alpn = "\x02h2";  // in wire form; empty: none
};

class RawTls final : public net::Stream {
 public:
  RawTls(std::unique_ptr<net::Stream> transport, const RawTlsOptions& options);

  // For what the options don't say; before the handshake.
  SSL& ssl() { return *ssl_; }
  SSL_CTX& context() { return *context_; }

  // handshake shakes hands; with `flights` it stops when it has sent so many of its own (a flight
  // is what it sends without hearing in between). Fails with `tls`, or `closed` when the other end
  // ended.
  io::Task<> handshake(std::optional<int> flights = std::nullopt);
  // take_flight gives what the next flight would be, as bytes, instead of sending it.
  io::Task<std::string> take_flight();

  io::Task<std::size_t> read_some(MutableBytes into) override;
  io::Task<> write_all(Bytes from) override;
  io::Task<> shutdown_write() override;
  void reset() override { transport_->reset(); }
  bool broken() const override { return transport_->broken(); }

  net::Stream& transport() { return *transport_; }
  bool transport_ended() const { return transport_ended_; }
  // alert is the fatal alert that came, such as "certificate_expired"; empty if there was none.
  std::string alert() const;

 private:
  std::string drain_output();
  io::Task<> feed();

  std::unique_ptr<net::Stream> transport_;
  std::string alpn_;
  bssl::UniquePtr<SSL_CTX> context_;
  bssl::UniquePtr<SSL> ssl_;
  bool transport_ended_ = false;
  int alert_ = -1;
};

}  // namespace culvert::tls
