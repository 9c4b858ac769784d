// Requests that the inbound tunnel has to refuse, beside a stream of the same tunnel that it has to
// carry on.
// SPDX-License-Identifier: Apache-2.0
#include "tests/protocol/hbone_bugs.h"

namespace culvert::protocol {
namespace {

using proxy::Offence;

// A row whose stream 3 begins with the header `block`.
ClientBugs with_block(const std::string& block) {
  return {.request = h2::headers(3, block)};
}
ClientBugs with_authority(std::string_view authority) {
  return with_block(h2::connect_block(authority));
}

Verdict answered(const char* status, Offence offence) {
  return {.status = status,
          .reset = h2::kNoError,  // the answer is whole, and no more bytes are wanted (§8.1)
          .stream_1_lives = true,
          .offence = offence,
          .reaches = 1};
}
Verdict reset_by_us() {
  return {.reset = h2::kProtocolError,
          .stream_1_lives = true,
          .offence = Offence::request,
          .reaches = 1};
}

TEST_CASE("a CONNECT whose authority makes no sense gets 400") {
  std::vector<Row> rows;
  for (const char* authority : {"nonsense", "10.0.0.2", "10.0.0.2:", "10.0.0.2:0", "10.0.0.2:65536",
                                "10.0.0.2:-1", "10.0.0.2:8080x", "[::1", "[10.0.0.2]:8080",
                                "user@10.0.0.2:8080", "10.0.0.2:8080,10.0.0.1:8080", ":8080"}) {
    rows.push_back({authority, with_authority(authority), answered("400", Offence::request)});
  }
  rows.push_back({"longer than any name", with_authority(std::string(4000, 'a') + ":8080"),
                  answered("400", Offence::request)});
  check_all(rows);
}

TEST_CASE("a CONNECT to an address that is not the pod's gets 400") {
  std::vector<Row> rows;
  for (const char* authority : {"10.0.0.1:8080", "10.0.0.77:8080", "127.0.0.1:8080", "[::1]:8080",
                                "0.0.0.0:8080", "[::ffff:127.0.0.1]:8080"}) {
    rows.push_back({authority, with_authority(authority), answered("400", Offence::request)});
  }
  check_all(rows);
}

TEST_CASE("a CONNECT to a port of the mesh gets 503 and reaches nothing (wire-facts 1.1)") {
  std::vector<Row> rows;
  for (const char* authority :
       {"10.0.0.2:15001", "10.0.0.2:15006", "10.0.0.2:15008", "[::ffff:10.0.0.2]:15008"}) {
    rows.push_back({authority, with_authority(authority), answered("503", Offence::target)});
  }
  rows.push_back({"a service that is not", with_authority("nowhere.demo.svc.cluster.local:80"),
                  answered("503", Offence::target)});
  check_all(rows);
}

// Nothing of the mesh listens there in a pod, and gateways' pods serve their health there.
TEST_CASE("a CONNECT to a port that the mesh has in its own namespace is the application's") {
  std::vector<Row> rows;
  for (const char* authority : {"10.0.0.2:15000", "10.0.0.2:15012", "10.0.0.2:15020",
                                "10.0.0.2:15021", "10.0.0.2:15053", "10.0.0.2:15080"}) {
    rows.push_back({authority,
                    with_authority(authority),
                    {.status = "200", .stream_1_lives = true, .reaches = 2}});
  }
  check_all(rows);
}

TEST_CASE("a request of another method gets 400") {
  std::vector<Row> rows;
  for (const char* method : {"GET", "POST", "OPTIONS", "TRACE", "connect", "PRI"}) {
    rows.push_back(
        {method,
         with_block(h2::literal(":method", method) + h2::literal(":scheme", "http") +
                    h2::literal(":path", "/") + h2::literal(":authority", "10.0.0.2:8080")),
         answered("400", Offence::request)});
  }
  check_all(rows);
}

TEST_CASE("a CONNECT with missing, doubled or foreign pseudo-headers loses its stream") {
  const std::string method = h2::literal(":method", "CONNECT");
  const std::string authority = h2::literal(":authority", "10.0.0.2:8080");
  const std::array rows = {
      Row{"no :authority", with_block(method), reset_by_us()},
      Row{"no :method", with_block(authority), reset_by_us()},
      Row{"no header at all", with_block(""), reset_by_us()},
      Row{"an empty :authority", with_block(method + h2::literal(":authority", "")), reset_by_us()},
      Row{"an :authority with a path", with_authority("10.0.0.2:8080/path"), reset_by_us()},
      Row{"an empty :method", with_block(h2::literal(":method", "") + authority), reset_by_us()},
      Row{":authority twice", with_block(method + authority + authority), reset_by_us()},
      Row{":method twice", with_block(method + method + authority), reset_by_us()},
      Row{":scheme and :path",
          with_block(method + authority + h2::literal(":scheme", "https") +
                     h2::literal(":path", "/")),
          reset_by_us()},
      Row{":path", with_block(method + authority + h2::literal(":path", "/")), reset_by_us()},
      Row{":protocol, which we have not offered (RFC 8441)",
          with_block(method + h2::literal(":protocol", "websocket") +
                     h2::literal(":scheme", "https") + h2::literal(":path", "/") + authority),
          reset_by_us()},
      Row{":status", with_block(method + authority + h2::literal(":status", "200")), reset_by_us()},
      Row{"an unknown pseudo-header", with_block(method + authority + h2::literal(":what", "1")),
          reset_by_us()},
      Row{"a pseudo-header behind a header",
          with_block(method + h2::literal("baggage", "a=b") + authority), reset_by_us()},
  };
  check_all(rows);
}

TEST_CASE("a CONNECT with a header that HTTP/2 forbids loses its stream") {
  const std::string good = h2::connect_block("10.0.0.2:8080");
  const std::array rows = {
      Row{"upper case", with_block(good + h2::literal("Baggage", "a=b")), reset_by_us()},
      Row{"connection", with_block(good + h2::literal("connection", "close")), reset_by_us()},
      Row{"transfer-encoding", with_block(good + h2::literal("transfer-encoding", "chunked")),
          reset_by_us()},
      Row{"a line feed in a value", with_block(good + h2::literal("baggage", "a\r\nb: c")),
          reset_by_us()},
      Row{"NUL in a value", with_block(good + h2::literal("baggage", std::string("a\0b", 3))),
          reset_by_us()},
      Row{"an empty name", with_block(good + h2::literal("", "x")), reset_by_us()},
      Row{"a blank in a name", with_block(good + h2::literal("bag gage", "x")), reset_by_us()},
      Row{"content-length twice, and not equal",
          with_block(good + h2::literal("content-length", "1") +
                     h2::literal("content-length", "2")),
          reset_by_us()},
  };
  check_all(rows);
}

TEST_CASE("a CONNECT with more headers than the limit gets 431, and they are not kept") {
  const std::string good = h2::connect_block("10.0.0.2:8080");
  // 1 octet each, and 4 KiB in memory if they were copied: 40 MiB.
  const std::string bomb =
      h2::literal("baggage", std::string(4000, 'b'), 0x40) + h2::repeated("\xbe", 10'000);
  const std::array rows = {
      Row{"3,000 small headers", with_block(good + h2::repeated(h2::literal("a", "b"), 3000)),
          answered("431", Offence::request)},
      Row{"a compression bomb", with_block(good + bomb), answered("431", Offence::request)},
      Row{"five values of 16,000 bytes",
          {.request = h2::frame(h2::kHeaders, 0, 3, good) +
                      h2::repeated(h2::frame(h2::kContinuation, 0, 3,
                                             h2::literal("baggage", std::string(16'000, 'v'))),
                                   5) +
                      h2::frame(h2::kContinuation, h2::kEndHeaders, 3, "")},
          answered("431", Offence::request)},
  };
  check_all(rows);
}

}  // namespace
}  // namespace culvert::protocol
