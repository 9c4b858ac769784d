// A client that misbehaves, against the agent's CA: it gets no certificate but a reason, and the
// node's ztunnel gets its own meanwhile.
// SPDX-License-Identifier: Apache-2.0
#include "agent/mesh/ca_server.h"
#include "agent/mesh/local_ca.h"
#include "tests/protocol/control_socket.h"
#include "tests/protocol/framed.h"
#include "tests/support/csr_samples.h"
#include "ztunnel/lib/control/ca_client.h"
#include "ztunnel/lib/control/proto/ca.pb.h"
#include "ztunnel/lib/tls/key.h"

namespace culvert::protocol {
namespace {

using istio::v1::auth::IstioCertificateRequest;

const SpiffeId kCart{"cluster.local", "shop", "cart"};
const SpiffeId kTill{"cluster.local", "shop", "till"};  // of another node

io::Task<std::unique_ptr<net::Stream>> dial(io::Loop& loop, std::string path) {
  co_return co_await net::connect_unix(loop, std::move(path));
}

std::chrono::system_clock::time_point now() {
  return std::chrono::system_clock::now();
}

struct Bench {
  LogLines log;
  std::unique_ptr<io::Loop> loop = io::make_epoll_loop();
  mesh::LocalCa ca{std::move(*tls::CertificateAuthority::create("test", now())), now};
  mesh::CaServer server{*loop, ca, [](const SpiffeId& id) { return id == kCart; }};
  AgentSocket socket{*loop, server, net::UnixType::stream};
  Rng rng{1};
  std::string key = *tls::generate_key();
  io::Scope scope{*loop, io::Scope::OnFailure::ignore};
  control::CaClient neighbour{*loop, rng, [this] { return dial(*loop, socket.path()); }};

  Bench() { scope.spawn(neighbour.run()); }
  ~Bench() {
    scope.cancel();
    while (!scope.empty()) {
      (void)loop->turn();
    }
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  void check_neighbour() {
    CHECK(block_on(*loop, neighbour.sign(*tls::make_csr(key, kCart), kCart)));
  }
  std::string csr(const SpiffeId& id) const { return *tls::make_csr(key, id); }
};

std::string request(const std::string& csr, const std::string& impersonated = "",
                    std::int64_t validity = 60) {
  IstioCertificateRequest made;
  made.set_csr(csr);
  made.set_validity_duration(validity);
  if (!impersonated.empty()) {
    (*made.mutable_metadata()->mutable_fields())["ImpersonatedIdentity"].set_string_value(
        impersonated);
  }
  return framed(made.SerializeAsString());
}

std::string tampered(std::string csr) {
  char& c = csr[csr.size() - 60];  // within the signature
  c = c == 'A' ? 'B' : 'A';
  return csr;
}

TEST_CASE("a request that deserves no certificate is told why, counted, and logged once") {
  Bench bench;
  const std::string good = bench.csr(kCart);
  struct Row {
    const char* fault;
    std::string bytes;
    const char* told;
  };
  const Row rows[] = {
      {"no message", "", "3 CA: the call has no request"},
      {"a message cut off", framed("abc", 1000), "3 a gRPC message was cut off"},
      {"a claim of 4 GiB", framed("abc", 0xffffffff), "8 a gRPC message of 4294967295 bytes"},
      {"more than 64 KiB", framed(std::string((64 << 10) + 1, 'x')), "8 a gRPC message of 65537"},
      {"a compressed message", framed("abc", {}, true), "3 a gRPC message is compressed"},
      {"garbage", framed("\xff\xff"), "3 CA: the request is no IstioCertificateRequest"},
      {"an empty message", framed(""), "3 CA: no certificate request in PEM text"},
      {"a CSR of garbage", request("\x30\x82 nonsense"), "3 CA: "},
      {"half a CSR", request(good.substr(0, good.size() / 2)), "3 CA: no certificate request"},
      {"60 KiB of dashes", request(std::string(60 << 10, '-')), "3 CA: no certificate request"},
      {"a key instead of a CSR", request(*tls::generate_key()), "3 CA: no certificate request"},
      {"a signature by another key", request(tampered(good)), "3 CA: "},
      {"RSA of 1024 bits", request(kWeakRsaCsr),
       "3 CA: the certificate request's key has 1024 bits, the least is 2048"},
      {"P-224", request(kWeakCurveCsr), "3 CA: "},
      {"two SPIFFE IDs", request(kTwoNamesCsr), "3 CA: "},
      {"no name", request(kNoNameCsr), "3 CA: "},
      {"a DNS name", request(kDnsNameCsr), "3 CA: "},
      {"a DNS name beside its own", request(kDnsNameBesideCsr),
       "3 CA: the certificate request has 2"},
      {"a URI that is no SPIFFE ID", request(kHttpNameCsr), "3 CA: "},
      {"a pod of another node", request(bench.csr(kTill)),
       "7 CA: no ambient pod of this node has the identity "
       "spiffe://cluster.local/ns/shop/sa/till"},
      {"another's trust domain", request(bench.csr({"elsewhere", "shop", "cart"})), "7 CA: no amb"},
      {"a CSR for one and a name of another", request(good, to_string(kTill)),
       "7 CA: the CSR is for spiffe://cluster.local/ns/shop/sa/cart, but the request imperson"},
  };
  std::uint64_t refused = 0;
  GrpcPeer peer(*bench.loop, bench.socket);
  for (const auto& row : rows) {
    INFO(std::string(row.fault));
    peer.call(control::kCreateCertificate);
    peer.send(row.bytes);
    peer.end();
    const std::string told = peer.outcome();
    CAPTURE(told);
    CHECK(told.starts_with(row.told));
    CHECK(bench.server.refusals() == ++refused);
  }
  CHECK(bench.log.with("certificate refused") == 1);
  CHECK(bench.log.with("\twarn\t") == 1);
  bench.check_neighbour();
}

TEST_CASE("what is only unusual in a request gets a certificate of the agent's own measure") {
  Bench bench;
  GrpcPeer peer(*bench.loop, bench.socket);
  const std::string good = bench.csr(kCart);
  for (const std::int64_t validity :
       {std::int64_t(0), std::int64_t(-5), std::numeric_limits<std::int64_t>::max(),
        std::numeric_limits<std::int64_t>::min()}) {
    CAPTURE(validity);
    peer.call(control::kCreateCertificate);
    peer.send(request(good, "", validity));
    peer.end();
    CHECK(peer.outcome() == "0");
  }
  IstioCertificateRequest strange;
  strange.set_csr("after\n" + good + good);
  peer.call(control::kCreateCertificate);
  peer.send(framed(strange.SerializeAsString() + "\xfa\x3e\x01x"));  // and an unknown field
  peer.send(framed("a second message"));
  peer.end();
  CHECK(peer.outcome() == "0");
  CHECK(bench.server.refusals() == 0);
}

TEST_CASE("hundreds of calls that stay half said keep nobody else from a certificate") {
  Bench bench;
  {
    GrpcPeer peer(*bench.loop, bench.socket);
    for (int i = 0; i < 300; ++i) {
      peer.call(control::kCreateCertificate);
      peer.send(framed("abc", 60'000));
    }
    bench.check_neighbour();
  }
  bench.check_neighbour();
  CHECK(bench.log.with("\twarn\t") <= 1);
}

TEST_CASE("a flood of bad requests is one log line, and the neighbour is served in its midst") {
  Bench bench;
  GrpcPeer peer(*bench.loop, bench.socket);
  for (int i = 0; i < 300; ++i) {
    peer.call(control::kCreateCertificate);
    peer.send(request("nonsense"));
    peer.end();
    if (i % 100 == 0) {
      bench.check_neighbour();
    }
  }
  CHECK(bench.socket.within(5s, [&] { return bench.server.refusals() == 300; }));
  CHECK(bench.log.with("certificate refused") == 1);
}

TEST_CASE("connections over the limit are closed, and a place that gets free is given again") {
  Bench bench;
  bench.check_neighbour();  // has its place
  {
    std::vector<Fd> silent;
    for (std::size_t i = 1; i < agent::RootSocket::kConnectionsMax; ++i) {
      silent.push_back(bench.socket.connect());
    }
    CHECK(bench.socket.heard(silent.back()) != "closed");
    for (int i = 0; i < 20; ++i) {
      const Fd refused = bench.socket.connect();
      CHECK(bench.socket.heard(refused) == "closed");
    }
    CHECK(bench.socket.offences() == 20);
    CHECK(bench.log.with("too many at a time") == 1);
    bench.check_neighbour();
  }
  CHECK(bench.socket.within(3s, [&] {
    const Fd again = bench.socket.connect();
    return bench.socket.heard(again, 200ms) != "closed";
  }));
}

}  // namespace
}  // namespace culvert::protocol
