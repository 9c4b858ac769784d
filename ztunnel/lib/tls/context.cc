// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/tls/context.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <array>
#include <string_view>
#include <vector>

#include "ztunnel/lib/tls/openssl_error.h"
#include "ztunnel/lib/tls/x509.h"

namespace culvert::tls {
namespace {

constexpr std::array<std::uint8_t, 3> kAlpn = {2, 'h', '2'};
// Post-quantum first, as Linkerd has it; P-384 for peers that offer nothing else of ours.
constexpr std::array<std::uint16_t, 4> kGroups = {SSL_GROUP_X25519_MLKEM768, SSL_GROUP_X25519,
                                                  SSL_GROUP_SECP256R1, SSL_GROUP_SECP384R1};

// Istio's ztunnel has the same two in the same order; ChaCha20 is slower than either on every
// machine that we run on.
constexpr std::array<std::uint16_t, 2> kCiphers = {SSL_CIPHER_AES_256_GCM_SHA384,
                                                   SSL_CIPHER_AES_128_GCM_SHA256};

// Each handshake sends the chain; peers take 10 (the depth that TLS libraries verify).
constexpr std::size_t kChainMax = 10;

int handshake_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

// A ClientHello without ALPN never comes here and is fine; one that lists protocols must list h2.
int select_alpn(SSL*, const std::uint8_t** out, std::uint8_t* out_size, const std::uint8_t* list,
                unsigned list_size, void*) {
  for (unsigned at = 0; at < list_size; at += list[at] + 1U) {
    const std::string_view protocol(reinterpret_cast<const char*>(list + at + 1), list[at]);
    if (protocol == "h2") {
      *out = list + at + 1;
      *out_size = 2;
      return SSL_TLSEXT_ERR_OK;
    }
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

Result<SpiffeId> check_peer(const Handshake& handshake, const X509& leaf) {
  if ((X509_get_extension_flags(&leaf) & EXFLAG_CA) != 0) {
    return fail(Errc::tls, "the peer presents the certificate of a CA as its own");
  }
  TRY(auto peer, spiffe_id_of(leaf));
  if (handshake.is_server) {
    if (peer.trust_domain != handshake.own.trust_domain) {
      return fail(Errc::identity,
                  fmt::format("peer {} is of trust domain {}, not of {}", to_string(peer),
                              peer.trust_domain, handshake.own.trust_domain));
    }
    return peer;
  }
  if (!handshake.expected.contains(peer)) {
    std::vector<std::string> names;
    for (const auto& id : handshake.expected) {
      names.push_back(to_string(id));
    }
    return fail(
        Errc::identity,
        fmt::format("peer proved {}, expected {}", to_string(peer),
                    names.empty() ? "nobody" : fmt::format("{}", fmt::join(names, " or "))));
  }
  return peer;
}

// The chain, the validity and the extended key usage of the role are BoringSSL's own checks (its
// purposes ssl_client and ssl_server); the identity is ours.
int verify_peer(X509_STORE_CTX* store, void*) {
  auto* ssl =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto& handshake = *static_cast<Handshake*>(SSL_get_ex_data(ssl, handshake_index()));
  if (X509_verify_cert(store) != 1) {
    handshake.failure = Error{
        .code = Errc::tls,
        .context = fmt::format("certificate of the peer: {}",
                               X509_verify_cert_error_string(X509_STORE_CTX_get_error(store)))};
    return 0;
  }
  if (!handshake.server_name.empty()) {
    return 1;  // its name was part of BoringSSL's verification
  }
  auto peer = check_peer(handshake, *X509_STORE_CTX_get0_cert(store));
  if (!peer) {
    handshake.failure = std::move(peer).error();
    X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
    return 0;
  }
  handshake.peer = std::move(*peer);
  return 1;
}

}  // namespace

Result<bssl::UniquePtr<SSL_CTX>> make_context(bool is_server) {
  clear_errors();
  bssl::UniquePtr<SSL_CTX> context(SSL_CTX_new(TLS_method()));
  SSL_CTX* raw = context.get();
  const bool ok = raw != nullptr && SSL_CTX_set_min_proto_version(raw, TLS1_3_VERSION) == 1 &&
                  SSL_CTX_set_max_proto_version(raw, TLS1_3_VERSION) == 1 &&
                  SSL_CTX_set1_group_ids(raw, kGroups.data(), kGroups.size()) == 1 &&
                  SSL_CTX_set1_tls13_ciphers(raw, kCiphers.data(), nullptr, kCiphers.size()) == 1 &&
                  SSL_CTX_set_alpn_protos(raw, kAlpn.data(), kAlpn.size()) == 0;
  if (!ok) {
    return fail(take_error(Errc::tls, "TLS context"));
  }
  // No tickets and no sessions: a resumed handshake would have to be re-verified by us on the
  // server (architecture §4), and tunnels live long.
  SSL_CTX_set_options(raw, SSL_OP_NO_TICKET);
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_verify(raw, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_cert_verify_callback(raw, verify_peer, nullptr);
  if (is_server) {
    SSL_CTX_set_alpn_select_cb(raw, select_alpn, nullptr);
  }
  return context;
}

Result<> present(SSL_CTX& context, const Certificates& chain, EVP_PKEY& key) {
  if (chain.size() > kChainMax) {
    return fail(Errc::limit, "the certificate chain is longer than " + std::to_string(kChainMax));
  }
  clear_errors();
  bool ok = SSL_CTX_use_certificate(&context, chain.front().get()) == 1 &&
            SSL_CTX_use_PrivateKey(&context, &key) == 1 && SSL_CTX_check_private_key(&context) == 1;
  for (std::size_t i = 1; ok && i < chain.size(); ++i) {
    ok = SSL_CTX_add1_chain_cert(&context, chain[i].get()) == 1;
  }
  if (!ok) {
    return fail(take_error(Errc::tls, "certificate and key"));
  }
  return {};
}

Result<> trust(SSL_CTX& context, const Certificates& roots) {
  clear_errors();
  for (const auto& root : roots) {
    if (X509_STORE_add_cert(SSL_CTX_get_cert_store(&context), root.get()) != 1) {
      return fail(take_error(Errc::tls, "root certificate"));
    }
  }
  return {};
}

Result<> attach(SSL& ssl, Handshake& handshake) {
  SSL_set_ex_data(&ssl, handshake_index(), &handshake);
  const std::string& name = handshake.server_name;
  if (name.empty()) {
    return {};
  }
  // Subject alternative names only, as browsers and Go have it; wildcards for one whole label.
  X509_VERIFY_PARAM* const rules = SSL_get0_param(&ssl);
  X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  clear_errors();
  // An address is never sent as SNI (RFC 6066 §3).
  if (X509_VERIFY_PARAM_set1_ip_asc(rules, name.c_str()) == 1 ||
      (X509_VERIFY_PARAM_set1_host(rules, name.data(), name.size()) == 1 &&
       SSL_set_tlsext_host_name(&ssl, name.c_str()) == 1)) {
    clear_errors();
    return {};
  }
  return fail(take_error(Errc::config, "a server can't have the name " + name));
}

}  // namespace culvert::tls
