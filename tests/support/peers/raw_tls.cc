// SPDX-License-Identifier: Apache-2.0
#include "tests/support/peers/raw_tls.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <vector>

#include "ztunnel/lib/base/assert.h"

namespace culvert::tls {
namespace {

constexpr std::size_t kReadBytes = 16 * 1024;

bssl::UniquePtr<BIO> reader(const std::string& text) {
  return bssl::UniquePtr<BIO>(BIO_new_mem_buf(text.data(), static_cast<ossl_ssize_t>(text.size())));
}

void use(SSL_CTX& context, const std::string& key_pem, const std::string& chain_pem) {
  const auto key_text = reader(key_pem);
  const auto chain_text = reader(chain_pem);
  const bssl::UniquePtr<EVP_PKEY> key(
      PEM_read_bio_PrivateKey(key_text.get(), nullptr, nullptr, nullptr));
  const bssl::UniquePtr<X509> leaf(PEM_read_bio_X509(chain_text.get(), nullptr, nullptr, nullptr));
  CULVERT_ASSERT(SSL_CTX_use_certificate(&context, leaf.get()) == 1);
  CULVERT_ASSERT(SSL_CTX_use_PrivateKey(&context, key.get()) == 1);
}

int take_first_protocol(SSL*, const std::uint8_t** out, std::uint8_t* out_size, const std::uint8_t*,
                        unsigned, void* wanted) {
  const auto& alpn = *static_cast<const std::string*>(wanted);
  *out = as_bytes(alpn).data() + 1;
  *out_size = static_cast<std::uint8_t>(alpn.size() - 1);
  return SSL_TLSEXT_ERR_OK;
}

int alert_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

void note_alert(const SSL* ssl, int type, int value) {
  if ((type & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT) {
    *static_cast<int*>(SSL_get_ex_data(ssl, alert_index())) = value & 0xff;
  }
}

}  // namespace

RawTls::RawTls(std::unique_ptr<net::Stream> transport, const RawTlsOptions& options)
    : transport_(std::move(transport)), alpn_(options.alpn), context_(SSL_CTX_new(TLS_method())) {
  SSL_CTX_set_max_proto_version(context_.get(), options.version_max);
  if (!options.key_pem.empty()) {
    use(*context_, options.key_pem, options.chain_pem);
  }
  if (options.is_server) {
    // A client's certificate is asked for, as every server of a mesh does, and not looked at.
    SSL_CTX_set_custom_verify(context_.get(), SSL_VERIFY_PEER,
                              [](SSL*, std::uint8_t*) { return ssl_verify_ok; });
    if (!options.alpn.empty()) {
      SSL_CTX_set_alpn_select_cb(context_.get(), take_first_protocol, &alpn_);
    }
  } else if (!options.alpn.empty()) {
    SSL_CTX_set_alpn_protos(context_.get(), as_bytes(options.alpn).data(), options.alpn.size());
  }
  ssl_.reset(SSL_new(context_.get()));
  SSL_set_ex_data(ssl_.get(), alert_index(), &alert_);
  SSL_set_info_callback(ssl_.get(), note_alert);
  if (options.is_server) {
    SSL_set_accept_state(ssl_.get());
  } else {
    SSL_set_connect_state(ssl_.get());
  }
  SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  BIO_set_mem_eof_return(SSL_get_rbio(ssl_.get()), -1);
}

std::string RawTls::drain_output() {
  std::string out;
  std::vector<char> buffer(kReadBytes);
  for (int n = 0;
       (n = BIO_read(SSL_get_wbio(ssl_.get()), buffer.data(), static_cast<int>(kReadBytes))) > 0;) {
    out.append(buffer.data(), static_cast<std::size_t>(n));
  }
  return out;
}

io::Task<> RawTls::feed() {
  std::vector<std::uint8_t> buffer(kReadBytes);
  const std::size_t count = co_await transport_->read_some(buffer);
  if (count == 0) {
    transport_ended_ = true;
    co_await fail(Errc::closed, "the other end ended without close_notify");
  }
  BIO_write(SSL_get_rbio(ssl_.get()), buffer.data(), static_cast<int>(count));
}

io::Task<std::string> RawTls::take_flight() {
  for (;;) {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_.get());
    const int error = SSL_get_error(ssl_.get(), result);
    auto flight = drain_output();
    if (!flight.empty()) {
      co_return flight;
    }
    if (result == 1) {
      co_return std::string();
    }
    if (error != SSL_ERROR_WANT_READ) {
      co_return fail(Errc::tls, "handshake: " + alert());
    }
    co_await feed();
  }
}

io::Task<> RawTls::handshake(std::optional<int> flights) {
  for (int sent = 0; !flights || sent < *flights; ++sent) {
    const auto flight = co_await take_flight();
    if (!flight.empty()) {
      co_await transport_->write_all(as_bytes(flight));
    }
    if (SSL_is_init_finished(ssl_.get()) != 0) {
      co_return;
    }
  }
}

io::Task<std::size_t> RawTls::read_some(MutableBytes into) {
  for (;;) {
    ERR_clear_error();
    const int result = SSL_read(ssl_.get(), into.data(), static_cast<int>(into.size()));
    if (result > 0) {
      co_return static_cast<std::size_t>(result);
    }
    switch (SSL_get_error(ssl_.get(), result)) {
      case SSL_ERROR_WANT_READ: co_await feed(); break;
      case SSL_ERROR_ZERO_RETURN: co_return 0;
      default: co_return fail(Errc::tls, "read: " + alert());
    }
  }
}

io::Task<> RawTls::write_all(Bytes from) {
  ERR_clear_error();
  CULVERT_ASSERT(SSL_write(ssl_.get(), from.data(), static_cast<int>(from.size())) ==
                 static_cast<int>(from.size()));  // the memory takes all
  const auto records = drain_output();
  co_await transport_->write_all(as_bytes(records));
}

io::Task<> RawTls::shutdown_write() {
  (void)SSL_shutdown(ssl_.get());
  const auto records = drain_output();
  co_await transport_->write_all(as_bytes(records));
  co_await transport_->shutdown_write();
}

std::string RawTls::alert() const {
  return alert_ <= 0 ? "" : SSL_alert_desc_string_long(alert_);
}

}  // namespace culvert::tls
