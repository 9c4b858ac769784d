// Peers that BoringSSL drives without our rules: those that a mesh never makes, and attackers do.
// SPDX-License-Identifier: Apache-2.0
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/nid.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "tests/unit/tls/parties.h"

namespace culvert::tls {
namespace {

// A client with memory in place of sockets, which `run` carries over a stream.
struct RawClient {
  bssl::UniquePtr<SSL_CTX> context{SSL_CTX_new(TLS_method())};
  bssl::UniquePtr<SSL> ssl;

  void use(const std::string& key_pem, const std::string& chain_pem) {
    const bssl::UniquePtr<BIO> key_text(BIO_new_mem_buf(key_pem.data(), -1));
    const bssl::UniquePtr<BIO> chain_text(BIO_new_mem_buf(chain_pem.data(), -1));
    const bssl::UniquePtr<EVP_PKEY> key(
        PEM_read_bio_PrivateKey(key_text.get(), nullptr, nullptr, nullptr));
    const bssl::UniquePtr<X509> leaf(
        PEM_read_bio_X509(chain_text.get(), nullptr, nullptr, nullptr));
    REQUIRE(SSL_CTX_use_certificate(context.get(), leaf.get()) == 1);
    REQUIRE(SSL_CTX_use_PrivateKey(context.get(), key.get()) == 1);
  }

  void start() {
    ssl.reset(SSL_new(context.get()));
    SSL_set_connect_state(ssl.get());
    SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  }
};

// Does the client's handshake and reads until the server ends or refuses it.
io::Task<> run(RawClient& client, std::unique_ptr<net::Stream> transport) {
  std::vector<std::uint8_t> buffer(4096);
  for (;;) {
    int result = SSL_do_handshake(client.ssl.get());
    if (result == 1) {
      std::uint8_t byte = 0;
      result = SSL_read(client.ssl.get(), &byte, 1);
    }
    const int error = SSL_get_error(client.ssl.get(), result);
    for (int n = 0; (n = BIO_read(SSL_get_wbio(client.ssl.get()), buffer.data(), 4096)) > 0;) {
      co_await transport->write_all(Bytes(buffer).first(static_cast<std::size_t>(n)));
    }
    if (error != SSL_ERROR_WANT_READ) {
      co_return;
    }
    const std::size_t count = co_await transport->read_some(buffer);
    if (count == 0) {
      co_return;
    }
    BIO_write(SSL_get_rbio(client.ssl.get()), buffer.data(), static_cast<int>(count));
  }
}

Result<std::unique_ptr<TlsStream>> serve(io::Loop& loop, const CertificateAuthority& ca,
                                         RawClient& client) {
  client.start();
  auto [a, b] = net::make_pipe(loop);
  std::optional<Result<std::unique_ptr<TlsStream>>> served;
  io::Scope scope(loop, io::Scope::OnFailure::ignore);
  scope.spawn(run(client, std::move(b)));
  scope.spawn([](io::Loop& l, std::unique_ptr<net::Stream> transport, WorkloadIdentityPtr identity,
                 std::optional<Result<std::unique_ptr<TlsStream>>>& out) -> io::Task<> {
    out.emplace(co_await as_result(accept_tls(l, std::move(transport), std::move(identity))));
    if (*out) {
      co_await (**out)->shutdown_write();
    }
  }(loop, std::move(a), party(ca, spiffe("server")), served));
  REQUIRE(block_on(loop, join(scope)));
  return std::move(*served);
}

// A key and a leaf with these URI names, both PEM.
std::pair<std::string, std::string> credentials(const CertificateAuthority& ca,
                                                std::vector<std::string> uris) {
  const auto key = *generate_key();
  const auto pem = ca.issue(*make_csr(key, spiffe("requested")), leaf(std::move(uris)));
  REQUIRE(pem);
  return {key, *pem};
}

void check_refused(const Result<std::unique_ptr<TlsStream>>& result, Errc code,
                   const std::string& words) {
  REQUIRE(!result);
  CHECK(result.error().code == code);
  CHECK_MESSAGE(to_string(result.error()).find(words) != std::string::npos,
                to_string(result.error()));
}

TEST_CASE("a client without ALPN and with X25519 alone is taken, as Istio's may be") {
  io::SimLoop loop;
  const auto ca = authority();
  RawClient client;
  const auto [key, chain] = credentials(ca, {to_string(spiffe("plain"))});
  client.use(key, chain);
  const std::uint16_t group = SSL_GROUP_X25519;
  REQUIRE(SSL_CTX_set1_group_ids(client.context.get(), &group, 1) == 1);
  const auto served = serve(loop, ca, client);
  REQUIRE_MESSAGE(served, to_string(served.error()));
  CHECK((*served)->group() == "X25519");
  CHECK((*served)->peer_identity() == spiffe("plain"));
}

TEST_CASE("a client that can do nothing but P-256 or P-384 is taken") {
  for (const std::uint16_t group :
       std::initializer_list<std::uint16_t>{SSL_GROUP_SECP256R1, SSL_GROUP_SECP384R1}) {
    io::SimLoop loop;
    const auto ca = authority();
    RawClient client;
    const auto [key, chain] = credentials(ca, {to_string(spiffe("plain"))});
    client.use(key, chain);
    REQUIRE(SSL_CTX_set1_group_ids(client.context.get(), &group, 1) == 1);
    CHECK(serve(loop, ca, client));
  }
}

TEST_CASE("a client is given no session ticket, since no session is resumed") {
  io::SimLoop loop;
  const auto ca = authority();
  RawClient client;
  const auto [key, chain] = credentials(ca, {to_string(spiffe("plain"))});
  client.use(key, chain);
  static int tickets = 0;
  tickets = 0;
  SSL_CTX_set_session_cache_mode(client.context.get(), SSL_SESS_CACHE_CLIENT);
  SSL_CTX_sess_set_new_cb(client.context.get(), [](SSL*, SSL_SESSION*) {
    ++tickets;
    return 0;
  });
  REQUIRE(serve(loop, ca, client));
  CHECK(tickets == 0);
}

TEST_CASE("a client whose ALPN list lacks h2 is refused, one that has it among others is taken") {
  const auto ca = authority();
  const auto [key, chain] = credentials(ca, {to_string(spiffe("plain"))});
  for (const bool has_h2 : {false, true}) {
    io::SimLoop loop;
    RawClient client;
    client.use(key, chain);
    const std::string list = has_h2 ? std::string("\x08http/1.1\x02h2") : "\x08http/1.1";
    SSL_CTX_set_alpn_protos(client.context.get(), as_bytes(list).data(), list.size());
    const auto served = serve(loop, ca, client);
    if (has_h2) {
      CHECK(served);
    } else {
      check_refused(served, Errc::tls, "no application protocol");
    }
  }
}

TEST_CASE("a client without a certificate is refused") {
  io::SimLoop loop;
  const auto ca = authority();
  RawClient client;
  check_refused(serve(loop, ca, client), Errc::tls, "peer did not return a certificate");
}

TEST_CASE("a client of TLS 1.2 is refused") {
  io::SimLoop loop;
  const auto ca = authority();
  RawClient client;
  const auto [key, chain] = credentials(ca, {to_string(spiffe("old"))});
  client.use(key, chain);
  REQUIRE(SSL_CTX_set_max_proto_version(client.context.get(), TLS1_2_VERSION) == 1);
  check_refused(serve(loop, ca, client), Errc::tls, "unsupported protocol");
}

TEST_CASE("a certificate with no, with two, or with a malformed SPIFFE identity proves nobody") {
  const auto ca = authority();
  const std::string good = to_string(spiffe("one"));
  const std::vector<std::vector<std::string>> all = {{},
                                                     {good, to_string(spiffe("two"))},
                                                     {good, "urn:workload:one"},
                                                     {"spiffe://cluster.local/workload/one"},
                                                     {"other://cluster.local/ns/demo/sa/one"}};
  for (const auto& uris : all) {
    io::SimLoop loop;
    RawClient client;
    const auto [key, chain] = credentials(ca, uris);
    client.use(key, chain);
    check_refused(serve(loop, ca, client), Errc::identity, "");
  }
}

// The certificate of a CA below the root, which may sign handshakes too.
std::string intermediate_of(const CertificateAuthority& ca) {
  const auto root_pem = ca.root_pem();
  const auto key_pem = ca.key_pem();
  const bssl::UniquePtr<BIO> root_text(BIO_new_mem_buf(root_pem.data(), -1));
  const bssl::UniquePtr<BIO> key_text(BIO_new_mem_buf(key_pem.data(), -1));
  const bssl::UniquePtr<X509> made(PEM_read_bio_X509(root_text.get(), nullptr, nullptr, nullptr));
  const bssl::UniquePtr<EVP_PKEY> key(
      PEM_read_bio_PrivateKey(key_text.get(), nullptr, nullptr, nullptr));
  const bssl::UniquePtr<X509_EXTENSION> usage(
      X509_delete_ext(made.get(), X509_get_ext_by_NID(made.get(), NID_key_usage, -1)));
  const bssl::UniquePtr<X509_NAME> name(X509_NAME_new());
  const std::string text = "below";
  X509_NAME_add_entry_by_NID(name.get(), NID_organizationName, MBSTRING_UTF8, as_bytes(text).data(),
                             5, -1, 0);
  X509_set_subject_name(made.get(), name.get());
  REQUIRE(X509_sign(made.get(), key.get(), EVP_sha256()) > 0);
  const bssl::UniquePtr<BIO> out(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(out.get(), made.get());
  const std::uint8_t* bytes = nullptr;
  std::size_t size = 0;
  BIO_mem_contents(out.get(), &bytes, &size);
  return {reinterpret_cast<const char*>(bytes), size};
}

TEST_CASE("the certificate of a CA is not taken for a workload's") {
  io::SimLoop loop;
  const auto ca = authority();
  RawClient client;
  client.use(ca.key_pem(), intermediate_of(ca));
  check_refused(serve(loop, ca, client), Errc::tls, "certificate of a CA as its own");
}

TEST_CASE("a peer that does not speak TLS is refused at its first bytes") {
  io::SimLoop loop;
  const auto ca = authority();
  auto [a, b] = net::make_pipe(loop);
  REQUIRE(block_on(loop, write_text(*b, "GET / HTTP/1.1\r\nhost: example\r\n\r\n")));
  check_refused(block_on(loop, accept_tls(loop, std::move(a), party(ca, spiffe("server")))),
                Errc::tls, "http request");
  auto [c, d] = net::make_pipe(loop);
  REQUIRE(block_on(loop, write_text(*d, std::string(300, '\xff'))));
  check_refused(block_on(loop, accept_tls(loop, std::move(c), party(ca, spiffe("server")))),
                Errc::tls, "");
}

}  // namespace
}  // namespace culvert::tls
