// Clients that the inbound tunnel's TLS has to bear.
// SPDX-License-Identifier: Apache-2.0
#include "tests/protocol/hbone_bugs.h"

namespace culvert::protocol {
namespace {

using proxy::Offence;

TEST_CASE("a client without the right certificate gets an alert and an end") {
  const std::array rows = {
      Row{"no certificate",
          {.shows = Shows::nobody},
          {.alert = "certificate required", .end = End::fin, .offence = Offence::tls}},
      Row{"another trust domain",
          {.shows = Shows::foreign_domain},
          {.alert = "handshake failure", .end = End::fin, .offence = Offence::identity}},
      Row{"two SPIFFE names",
          {.shows = Shows::two_names},
          {.alert = "handshake failure", .end = End::fin, .offence = Offence::identity}},
      Row{"no SPIFFE name",
          {.shows = Shows::no_name},
          {.alert = "handshake failure", .end = End::fin, .offence = Offence::identity}},
      Row{"a SPIFFE name of another form",
          {.shows = Shows::odd_name},
          {.alert = "handshake failure", .end = End::fin, .offence = Offence::identity}},
      Row{"expired",
          {.shows = Shows::expired},
          {.alert = "certificate expired", .end = End::fin, .offence = Offence::tls}},
      Row{"not yet valid",
          {.shows = Shows::not_yet_valid},
          {.alert = "certificate expired", .end = End::fin, .offence = Offence::tls}},
      Row{"the usage of servers alone",
          {.shows = Shows::other_usage},
          {.alert = "unsupported certificate", .end = End::fin, .offence = Offence::tls}},
      Row{"of an unknown root",
          {.shows = Shows::unknown_root},
          {.alert = "unknown CA", .end = End::fin, .offence = Offence::tls}},
  };
  check_all(rows);
}

TEST_CASE("a client that speaks other TLS, or none, is refused at its first bytes") {
  const std::array rows = {
      Row{"TLS 1.2",
          {.tls_version_max = 0x0303},
          {.alert = "protocol version", .end = End::fin, .offence = Offence::tls}},
      Row{"ALPN without h2",
          {.alpn = "\x08http/1.1"},
          {.alert = "no application protocol", .end = End::fin, .offence = Offence::tls}},
      Row{"HTTP/1.1 in plaintext",
          {.instead_of_tls = "GET / HTTP/1.1\r\nhost: example\r\n\r\n"},
          {.end = End::fin, .offence = Offence::tls}},
      Row{"HTTP/2 in plaintext",
          {.instead_of_tls = std::string(h2::kMagic) + h2::settings()},
          {.alert = "protocol version", .end = End::fin, .offence = Offence::tls}},
      Row{"noise",
          {.instead_of_tls = std::string(300, '\xff')},
          {.alert = "protocol version", .end = End::fin, .offence = Offence::tls}},
  };
  check_all(rows);
}

TEST_CASE("a client without ALPN is served, as Istio's may be (wire-facts 12.1)") {
  const std::array rows = {
      Row{"no ALPN", {.alpn = ""}, {.status = "200", .stream_1_lives = true}},
      Row{"nothing wrong", {}, {.status = "200", .stream_1_lives = true}},
  };
  check_all(rows);
}

}  // namespace
}  // namespace culvert::protocol
