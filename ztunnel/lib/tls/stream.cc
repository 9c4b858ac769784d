// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/tls/stream.h"

#include <openssl/bio.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cstring>

#include "ztunnel/lib/io/timeout.h"
#include "ztunnel/lib/tls/context.h"
#include "ztunnel/lib/tls/openssl_error.h"

namespace culvert::tls {

// TransportBio is BoringSSL's view of the buffers: reading never waits, writing until the buffer is
// full.
struct TransportBio {
  static int read(BIO* bio, char* into, int size) {
    BIO_clear_retry_flags(bio);
    auto& stream = *static_cast<TlsStream*>(BIO_get_data(bio));
    const std::size_t count = std::min(static_cast<std::size_t>(size), stream.incoming_.size());
    if (count == 0) {
      if (stream.transport_ended_) {
        return 0;
      }
      BIO_set_retry_read(bio);
      return -1;
    }
    std::memcpy(into, stream.incoming_.data(), count);
    stream.incoming_ = stream.incoming_.subspan(count);
    return static_cast<int>(count);
  }

  static int write(BIO* bio, const char* from, int size) {
    BIO_clear_retry_flags(bio);
    auto& stream = *static_cast<TlsStream*>(BIO_get_data(bio));
    const std::size_t count =
        stream.outgoing_.append(as_bytes({from, static_cast<std::size_t>(size)}));
    if (count == 0) {
      BIO_set_retry_write(bio);
      return -1;
    }
    return static_cast<int>(count);
  }

  static long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

  static BIO_METHOD* method() {
    static BIO_METHOD* const made = [] {
      BIO_METHOD* method = BIO_meth_new(BIO_get_new_index(), "culvert transport");
      BIO_meth_set_read(method, read);
      BIO_meth_set_write(method, write);
      BIO_meth_set_ctrl(method, control);
      return method;
    }();
    return made;
  }

  static BIO* make(TlsStream& stream) {
    BIO* bio = BIO_new(method());
    BIO_set_data(bio, &stream);
    BIO_set_init(bio, 1);
    return bio;
  }
};

void TlsStream::SslDeleter::operator()(ssl_st* ssl) const {
  SSL_free(ssl);
}

TlsStream::TlsStream(std::unique_ptr<net::Stream> transport, std::shared_ptr<const void> owner,
                     ssl_ctx_st* context, bool is_server)
    : transport_(std::move(transport)), context_owner_(std::move(owner)) {
  ssl_.reset(SSL_new(context));
  CULVERT_ASSERT(ssl_ != nullptr);  // fails only without memory
  BIO* bio = TransportBio::make(*this);
  SSL_set_bio(ssl_.get(), bio, bio);  // takes it
  if (is_server) {
    SSL_set_accept_state(ssl_.get());
  } else {
    SSL_set_connect_state(ssl_.get());
  }
}

TlsStream::~TlsStream() = default;

io::Task<std::unique_ptr<TlsStream>> accept_tls(io::Loop& loop,
                                                std::unique_ptr<net::Stream> transport,
                                                WorkloadIdentityPtr identity, TlsOptions options) {
  Handshake facts{.own = identity->id(), .is_server = true};
  ssl_ctx_st* const context = identity->server_context();
  std::unique_ptr<TlsStream> stream(
      new TlsStream(std::move(transport), std::move(identity), context, /* is_server= */ true));
  co_return co_await TlsStream::open(loop, std::move(stream), std::move(facts),
                                     options.handshake_timeout);
}

io::Task<std::unique_ptr<TlsStream>> connect_tls(io::Loop& loop,
                                                 std::unique_ptr<net::Stream> transport,
                                                 WorkloadIdentityPtr identity,
                                                 std::set<SpiffeId> expected, TlsOptions options) {
  Handshake facts{.own = identity->id(), .expected = std::move(expected)};
  ssl_ctx_st* const context = identity->client_context();
  std::unique_ptr<TlsStream> stream(
      new TlsStream(std::move(transport), std::move(identity), context, /* is_server= */ false));
  co_return co_await TlsStream::open(loop, std::move(stream), std::move(facts),
                                     options.handshake_timeout);
}

io::Task<std::unique_ptr<TlsStream>> connect_tls(io::Loop& loop,
                                                 std::unique_ptr<net::Stream> transport,
                                                 ClientContextPtr context, std::string server_name,
                                                 TlsOptions options) {
  if (server_name.empty()) {
    co_await fail(Errc::config, "TLS: the server has no name that its certificate could be for");
  }
  Handshake facts{.server_name = std::move(server_name)};
  ssl_ctx_st* const raw = context->get();
  std::unique_ptr<TlsStream> stream(
      new TlsStream(std::move(transport), std::move(context), raw, /* is_server= */ false));
  co_return co_await TlsStream::open(loop, std::move(stream), std::move(facts),
                                     options.handshake_timeout);
}

io::Task<std::unique_ptr<TlsStream>> TlsStream::open(io::Loop& loop,
                                                     std::unique_ptr<TlsStream> stream,
                                                     Handshake facts, io::Duration limit) {
  auto done = co_await as_result(
      io::with_timeout(loop, limit, "TLS handshake", stream->handshake(std::move(facts))));
  if (!done) {
    // A peer that was refused has been told so by an alert, which a reset could overtake.
    if (done.error().code != Errc::tls && done.error().code != Errc::identity) {
      stream->reset();
    }
    co_return fail(std::move(done).error());
  }
  co_return stream;
}

io::Task<> TlsStream::handshake(Handshake facts) {
  co_await attach(*ssl_, facts);
  for (;;) {
    clear_errors();
    const int result = SSL_do_handshake(ssl_.get());
    const int error = SSL_get_error(ssl_.get(), result);
    if (result == 1) {
      break;
    }
    if (error == SSL_ERROR_WANT_WRITE) {
      co_await flush();
      continue;
    }
    if (error != SSL_ERROR_WANT_READ) {
      Error failure = facts.failure ? *facts.failure
                      : transport_ended_
                          ? Error{.code = Errc::closed, .context = "the peer ended the handshake"}
                          : take_error(Errc::tls, "TLS handshake");
      (void)co_await as_result(flush());  // the alert that tells the peer why
      (void)co_await as_result(transport_->shutdown_write());
      co_await fail(std::move(failure));
    }
    co_await flush();
    co_await fill();
  }
  co_await flush();
  if (facts.peer) {
    peer_ = std::move(*facts.peer);
  } else if (facts.server_name.empty()) {
    co_await fail(Errc::identity, "the peer proved no identity");
  }
}

io::Task<std::size_t> TlsStream::read_some(MutableBytes into) {
  for (;;) {
    clear_errors();
    std::size_t total = 0;
    int result = 1;
    // One call decrypts one record; take all that is there.
    while (total < into.size() && result > 0) {
      result = SSL_read(ssl_.get(), into.data() + total, static_cast<int>(into.size() - total));
      total += result > 0 ? static_cast<std::size_t>(result) : 0;
    }
    if (total > 0) {
      clear_errors();  // what stopped us comes again with the next read
      co_return total;
    }
    switch (SSL_get_error(ssl_.get(), result)) {
      case SSL_ERROR_WANT_READ: co_await fill(); break;
      case SSL_ERROR_ZERO_RETURN: co_return 0;
      default:
        if (transport_ended_) {
          co_return fail(Errc::closed, "the peer ended the connection without close_notify");
        }
        co_return fail(take_error(Errc::tls, "TLS record"));
    }
  }
}

io::Task<> TlsStream::write_all(Bytes from) {
  if (write_broken_ || write_ended_) {
    co_await fail(Errc::closed, "TLS write: this direction has ended");
  }
  while (!from.empty()) {
    clear_errors();
    const auto piece = from.first(std::min(from.size(), kWriteBytes));
    const int result = SSL_write(ssl_.get(), piece.data(), static_cast<int>(piece.size()));
    if (result > 0) {
      from = from.subspan(static_cast<std::size_t>(result));
    } else if (SSL_get_error(ssl_.get(), result) != SSL_ERROR_WANT_WRITE) {
      co_await fail(take_error(Errc::tls, "TLS write"));
    }
    co_await flush();
  }
}

io::Task<> TlsStream::shutdown_write() {
  if (write_broken_) {
    co_await fail(Errc::closed, "TLS shutdown: an earlier write failed");
  }
  if (!write_ended_) {
    write_ended_ = true;
    clear_errors();
    // Makes close_notify; 0 just means that the peer's is not here. A second call would read.
    (void)SSL_shutdown(ssl_.get());
    clear_errors();
  }
  co_await flush();
  co_await transport_->shutdown_write();
}

// Reads ciphertext. Called only when BoringSSL has taken all that was there.
io::Task<> TlsStream::fill() {
  if (!last_read_was_full_) {
    incoming_buffer_.release();  // this read may wait for long
  }
  const MutableBytes into =
      last_read_was_full_ ? incoming_buffer_.whole() : MutableBytes(idle_buffer_);
  const std::size_t count = co_await transport_->read_some(into);
  incoming_ = into.first(count);
  last_read_was_full_ = count == into.size();
  transport_ended_ = count == 0;
}

// Sends what BoringSSL made. One caller at a time: the handshake, then the writer.
io::Task<> TlsStream::flush() {
  while (!outgoing_.empty()) {
    sending_ = std::move(outgoing_);
    write_broken_ = true;  // until the transport has taken all of it
    co_await transport_->write_all(sending_.filled());
    write_broken_ = false;
    sending_.release();
  }
}

std::string_view TlsStream::cipher() const {
  const SSL_CIPHER* cipher = SSL_get_current_cipher(ssl_.get());
  return cipher != nullptr ? SSL_CIPHER_standard_name(cipher) : "";
}

std::string_view TlsStream::group() const {
  const char* name = SSL_get_group_name(SSL_get_group_id(ssl_.get()));
  return name != nullptr ? name : "";
}

}  // namespace culvert::tls
