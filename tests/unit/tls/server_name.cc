// An ordinary client against servers that have names: what is taken, and what must not be.
// SPDX-License-Identifier: Apache-2.0
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/nid.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "tests/support/peers/raw_tls.h"
#include "tests/unit/tls/parties.h"

namespace culvert::tls {
namespace {

struct Credentials {
  std::string key;
  std::string certificate;
};

// A leaf of `ca` with these names instead of a SPIFFE ID, such as "DNS:kubernetes,IP:10.96.0.1".
Credentials named(const CertificateAuthority& ca, const char* names,
                  std::chrono::system_clock::time_point not_after = now() + 1h) {
  Credentials made{.key = *generate_key(), .certificate = {}};
  auto options = leaf({to_string(spiffe("requested"))});
  options.not_after = not_after;
  const auto pem = *ca.issue(*make_csr(made.key, spiffe("requested")), options);
  const auto ca_key_pem = ca.key_pem();
  const bssl::UniquePtr<BIO> text(BIO_new_mem_buf(pem.data(), -1));
  const bssl::UniquePtr<BIO> key_text(BIO_new_mem_buf(ca_key_pem.data(), -1));
  const bssl::UniquePtr<X509> certificate(PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr));
  const bssl::UniquePtr<EVP_PKEY> ca_key(
      PEM_read_bio_PrivateKey(key_text.get(), nullptr, nullptr, nullptr));
  const bssl::UniquePtr<X509_EXTENSION> spiffe_name(X509_delete_ext(
      certificate.get(), X509_get_ext_by_NID(certificate.get(), NID_subject_alt_name, -1)));
  const bssl::UniquePtr<X509_EXTENSION> extension(
      X509V3_EXT_nconf_nid(nullptr, nullptr, NID_subject_alt_name, names));
  REQUIRE(extension != nullptr);
  REQUIRE(X509_add_ext(certificate.get(), extension.get(), -1) == 1);
  REQUIRE(X509_sign(certificate.get(), ca_key.get(), EVP_sha256()) > 0);
  const bssl::UniquePtr<BIO> out(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(out.get(), certificate.get());
  const std::uint8_t* bytes = nullptr;
  std::size_t size = 0;
  BIO_mem_contents(out.get(), &bytes, &size);
  made.certificate.assign(reinterpret_cast<const char*>(bytes), size);
  return made;
}

// What a server saw of its client.
struct Seen {
  std::string sni;
  std::string client;  // the serial number of its certificate
  std::string bytes;
};

io::Task<> serve(std::unique_ptr<net::Stream> transport, RawTlsOptions options, Seen& seen) {
  RawTls server(std::move(transport), options);
  co_await server.handshake();
  const char* const name = SSL_get_servername(&server.ssl(), TLSEXT_NAMETYPE_host_name);
  seen.sni = name == nullptr ? "" : name;
  const bssl::UniquePtr<X509> client(SSL_get_peer_certificate(&server.ssl()));
  seen.client = client == nullptr ? "none" : "one";
  seen.bytes = co_await read_all(server);
}

io::Task<> visit(io::Loop& loop, std::unique_ptr<net::Stream> transport, ClientContextPtr context,
                 std::string name) {
  const auto stream =
      co_await connect_tls(loop, std::move(transport), std::move(context), std::move(name));
  co_await stream->write_all(as_bytes("hello"));
  co_await stream->shutdown_write();
}

// Lets a client visit a server as `name`; the client's result.
Result<> visit(const Credentials& server, const ClientContextPtr& context, const std::string& name,
               Seen& seen, RawTlsOptions options = {.is_server = true}) {
  io::SimLoop loop;
  auto [a, b] = net::make_pipe(loop);
  options.key_pem = server.key;
  options.chain_pem = server.certificate;
  std::optional<Result<>> visited;
  io::Scope scope(loop, io::Scope::OnFailure::ignore);
  scope.spawn(serve(std::move(a), options, seen));
  scope.spawn([](io::Loop& l, std::unique_ptr<net::Stream> transport, ClientContextPtr with,
                 std::string as, std::optional<Result<>>& out) -> io::Task<> {
    out = co_await as_result(visit(l, std::move(transport), std::move(with), std::move(as)));
  }(loop, std::move(b), context, name, visited));
  REQUIRE(block_on(loop, join(scope)));
  return std::move(*visited);
}

void check_refused(const Result<>& result, Errc code, const std::string& words) {
  REQUIRE(!result);
  CHECK(result.error().code == code);
  CHECK_MESSAGE(result.error().context.find(words) != std::string::npos, result.error().context);
}

TEST_CASE("a server is taken by each DNS name and each address of its certificate, and no other") {
  const auto ca = authority();
  const auto context = *ClientContext::make(ca.root_pem());
  const auto server =
      named(ca, "DNS:kubernetes,DNS:*.svc.cluster.local,IP:10.96.0.1,IP:fd00:0:0:0:0:0:0:1");
  struct Row {
    const char* name;
    bool taken;
    const char* sni;
  };
  for (const Row& row :
       std::initializer_list<Row>{{"kubernetes", true, "kubernetes"},
                                  {"KUBERNETES", true, "KUBERNETES"},
                                  {"10.96.0.1", true, ""},
                                  {"fd00::1", true, ""},
                                  {"api.svc.cluster.local", true, "api.svc.cluster.local"},
                                  {"a.b.svc.cluster.local", false, ""},
                                  {"svc.cluster.local", false, ""},
                                  {"kubernetes.example", false, ""},
                                  {"10.96.0.2", false, ""},
                                  {"fd00::2", false, ""}}) {
    CAPTURE(row.name);
    Seen seen;
    const auto visited = visit(server, context, row.name, seen);
    CHECK(visited.has_value() == row.taken);
    CHECK(seen.bytes == (row.taken ? "hello" : ""));
    CHECK(seen.sni == row.sni);
    if (!row.taken) {
      check_refused(visited, Errc::tls, "mismatch");
    }
  }
}

TEST_CASE("a server is refused that is signed by others, expired, or a workload") {
  const auto ca = authority();
  const auto context = *ClientContext::make(ca.root_pem());
  Seen seen;
  check_refused(visit(named(authority(), "DNS:kubernetes"), context, "kubernetes", seen), Errc::tls,
                "certificate of the peer");
  check_refused(visit(named(ca, "DNS:kubernetes", now() - 10s), context, "kubernetes", seen),
                Errc::tls, "expired");
  const auto workload = named(ca, "URI:spiffe://cluster.local/ns/demo/sa/kubernetes");
  check_refused(visit(workload, context, "kubernetes", seen), Errc::tls, "mismatch");
  CHECK(seen.bytes.empty());
}

TEST_CASE("a client without a server's name, or with one that can be none, does not connect") {
  const auto ca = authority();
  const auto context = *ClientContext::make(ca.root_pem());
  Seen seen;
  const auto server = named(ca, "DNS:kubernetes");
  check_refused(visit(server, context, "", seen), Errc::config, "no name");
  check_refused(visit(server, context, std::string("kubernetes\0.example", 19), seen), Errc::config,
                "can't have the name");
  CHECK(seen.bytes.empty());
}

TEST_CASE("a client shows its certificate where it has one") {
  const auto ca = authority();
  const auto server = named(ca, "DNS:kubernetes");
  const auto own = named(ca, "DNS:client");
  Seen seen;
  CHECK(visit(server, *ClientContext::make(ca.root_pem()), "kubernetes", seen));
  CHECK(seen.client == "none");
  CHECK(visit(server, *ClientContext::make(ca.root_pem(), own.key, own.certificate), "kubernetes",
              seen));
  CHECK(seen.client == "one");
}

TEST_CASE("a client's roots, key and certificate are checked before it connects") {
  const auto ca = authority();
  const auto own = named(ca, "DNS:client");
  const auto other = named(ca, "DNS:other");
  CHECK(ClientContext::make("").error().code == Errc::tls);
  CHECK(ClientContext::make(ca.root_pem(), own.key, "").error().code == Errc::tls);
  CHECK(ClientContext::make(ca.root_pem(), "", own.certificate).error().code == Errc::tls);
  CHECK(ClientContext::make(ca.root_pem(), other.key, own.certificate).error().code == Errc::tls);
}

}  // namespace
}  // namespace culvert::tls
