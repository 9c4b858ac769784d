// The access log's lines are an interface: field names, order and form are checked to the byte.
// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/obs/access_log.h"

#include <doctest/doctest.h>

#include "tests/unit/obs/captured_log.h"

namespace culvert::obs {
namespace {

AccessLogEntry full_entry() {
  return {
      .direction = Direction::outbound,
      .src = {.addr = SocketAddress::parse("10.0.1.2:40000").value(),
              .workload = "client",
              .ns = "shop",
              .identity = "spiffe://cluster.local/ns/shop/sa/client",
              .cluster = "Kubernetes"},
      .dst = {.addr = SocketAddress::parse("10.0.2.2:15008").value(),
              .workload = "server",
              .ns = "shop",
              .identity = "spiffe://cluster.local/ns/shop/sa/server",
              .cluster = "Kubernetes"},
      .hbone_addr = SocketAddress::parse("[fd00::2]:8080").value(),
      .service = "server.shop.svc.cluster.local",
      .bytes_sent = 358,
      .bytes_recv = 84,
      .duration = std::chrono::milliseconds(15),
      .error = {},
  };
}

TEST_CASE("a finished connection is one info line with Istio's fields in Istio's order") {
  const CapturedLog out(LogFormat::text);
  log_connection_complete(full_entry());
  CHECK(out.after_time() ==
        "info\taccess\tconnection complete\t"
        "src.addr=10.0.1.2:40000 src.workload=\"client\" src.namespace=\"shop\" "
        "src.identity=\"spiffe://cluster.local/ns/shop/sa/client\" src.cluster=\"Kubernetes\" "
        "dst.addr=10.0.2.2:15008 dst.hbone_addr=[fd00::2]:8080 "
        "dst.service=\"server.shop.svc.cluster.local\" dst.workload=\"server\" "
        "dst.namespace=\"shop\" dst.identity=\"spiffe://cluster.local/ns/shop/sa/server\" "
        "dst.cluster=\"Kubernetes\" direction=\"outbound\" bytes_sent=358 bytes_recv=84 "
        "duration=\"15ms\"\n");
}

TEST_CASE("a connection that failed is an error line, and what is unknown is left out") {
  const CapturedLog out(LogFormat::text);
  log_connection_complete({.direction = Direction::inbound,
                           .src = {.addr = SocketAddress::parse("10.0.1.2:40000").value()},
                           .duration = std::chrono::milliseconds(3),
                           .error = "denied by shop/deny-all"});
  CHECK(out.after_time() ==
        "error\taccess\tconnection complete\tsrc.addr=10.0.1.2:40000 direction=\"inbound\" "
        "bytes_sent=0 bytes_recv=0 duration=\"3ms\" error=\"denied by shop/deny-all\"\n");
}

TEST_CASE("an early denial is a warning with addresses, direction and error") {
  const CapturedLog out(LogFormat::text);
  AccessLogEntry entry = full_entry();
  entry.error = "no such workload";
  log_connection_failed(entry);
  CHECK(out.after_time() ==
        "warn\taccess\tconnection failed\tsrc.addr=10.0.1.2:40000 dst.addr=10.0.2.2:15008 "
        "direction=\"outbound\" error=\"no such workload\"\n");
}

TEST_CASE("an opened connection shows at debug only, without counts") {
  const CapturedLog out(LogFormat::json, "info,access=debug");
  log_connection_opened(full_entry());
  CHECK(out.text().find(R"("message":"connection opened","src.addr":"10.0.1.2:40000")") !=
        std::string::npos);
  CHECK(out.text().find("bytes_sent") == std::string::npos);
  REQUIRE(set_levels("access=info"));
  const std::size_t before = out.text().size();
  log_connection_opened(full_entry());
  CHECK(out.text().size() == before);
}

TEST_CASE("in JSON, counts are numbers and the duration is text") {
  const CapturedLog out(LogFormat::json);
  log_connection_complete(full_entry());
  CHECK(out.text().find(R"("bytes_sent":358,"bytes_recv":84,"duration":"15ms"})") !=
        std::string::npos);
}

}  // namespace
}  // namespace culvert::obs
