// A control plane that misbehaves, against the node's xDS client, feed and store. Whatever it
// sends: what the node knew stays in force, it comes back without a storm, and the log stays short.
// SPDX-License-Identifier: Apache-2.0
#include "tests/protocol/control_mesh.h"

namespace culvert::protocol {
namespace {

struct StreamRow {
  const char* fault;
  XdsAct then;         // after a good first push
  const char* logged;  // the one line says it
};

std::vector<StreamRow> stream_faults() {
  return {
      {"a message cut off by the end of the stream",
       [](XdsStream& s) -> io::Task<> {
         co_await s.send_bytes(framed("abc", 1000));
         co_await s.end("0");
       },
       "a gRPC message was cut off"},
      {"a prefix cut off by the end of the stream",
       [](XdsStream& s) -> io::Task<> {
         co_await s.send_bytes(std::string("\0\0", 2));
         co_await s.end("0");
       },
       "a gRPC message was cut off"},
      {"a connection that ends in the middle of a message",
       [](XdsStream& s) -> io::Task<> { co_await s.send_bytes(framed("abc", 1000)); }, "xds"},
      {"a reset in the middle of a message",
       [](XdsStream& s) -> io::Task<> {
         co_await s.send_bytes(framed("abc", 1000));
         s.h2.reset();
         co_await s.hear_for_ever();
       },
       "no stream to the control plane"},
      {"a claim of 4 GiB",
       [](XdsStream& s) -> io::Task<> {
         co_await s.send_bytes(framed("abc", 0xffffffff));
         co_await s.hear_for_ever();
       },
       "a gRPC message of 4294967295 bytes exceeds the 209715200 that are taken"},
      {"a compressed message",
       [](XdsStream& s) -> io::Task<> {
         co_await s.send_bytes(framed("abc", {}, /* compressed= */ true));
         co_await s.hear_for_ever();
       },
       "compressed, which was not offered"},
      {"a message that is no DeltaDiscoveryResponse",
       [](XdsStream& s) -> io::Task<> {
         co_await s.send_bytes(framed("\xff\xff\xff"));
         co_await s.hear_for_ever();
       },
       "no DeltaDiscoveryResponse"},
      {"a string that is not UTF-8",
       [](XdsStream& s) -> io::Task<> {
         co_await s.send_bytes(framed("\x2a\x01\xff"));  // nonce
         co_await s.hear_for_ever();
       },
       "no DeltaDiscoveryResponse"},
      {"an error status", [](XdsStream& s) -> io::Task<> { co_await s.end("13", "out of luck"); },
       "the server answered INTERNAL: out of luck"},
      {"an end without a status",
       [](XdsStream& s) -> io::Task<> { co_await s.h2.shutdown_write(); },
       "the call ended without a status"},
      {"a status that does not exist", [](XdsStream& s) -> io::Task<> { co_await s.end("99"); },
       "code 99"},
  };
}

TEST_CASE("a stream that breaks is made anew without a storm, and what was known stays in force") {
  for (const auto& row : stream_faults()) {
    CAPTURE(row.fault);
    ControlMesh node;
    node.plane.scripts = {{first_push, row.then}, {first_push, stay}};
    node.pass(5s);
    CHECK(node.plane.streams == 2);
    CHECK(node.client.connected());
    CHECK(node.ready());
    CHECK(node.knows("cart"));
    CHECK(node.terminations() == 1);
    INFO(node.log.all());
    CHECK(node.log.with(row.logged) >= 1);
    CHECK(node.log.with("\twarn\t") == 1);
    // The new stream says what is there, so that nothing is sent twice.
    CHECK(node.plane.heard[4].initial_resource_versions_size() == 2);
  }
}

TEST_CASE("a control plane that breaks every stream is asked ever less often, in a few log lines") {
  for (const auto& row : stream_faults()) {
    CAPTURE(row.fault);
    ControlMesh node;
    node.plane.scripts = {{first_push, row.then}};
    node.pass(10min);
    // 10 ms doubled to 15 s, with jitter: a dozen, and then four to eight a minute.
    CHECK(node.plane.streams >= 30);
    CHECK(node.plane.streams <= 95);
    CHECK(node.log.with("\twarn\t") <= 61);
    CHECK(node.knows("cart"));
    CHECK(node.terminations() >= node.plane.streams - 1);
  }
}

struct RefusalRow {
  const char* fault;
  XdsAct act;
};

TEST_CASE(
    "a control plane that never gets to a push is asked ever less often and holds readiness") {
  const RefusalRow rows[] = {
      {"an error status of trailers alone",
       [](XdsStream& s) -> io::Task<> {
         co_await s.h2.respond(200, {{"grpc-status", "16"}, {"grpc-message", "who are you"}}, true);
       }},
      {"HTTP 503", [](XdsStream& s) -> io::Task<> { co_await s.h2.respond(503, {}, true); }},
      {"a reset before the answer",
       [](XdsStream& s) -> io::Task<> {
         s.h2.reset(http::ResetCode::refused_stream);
         co_await s.hear_for_ever();
       }},
      {"a reset after the headers",
       [](XdsStream& s) -> io::Task<> {
         co_await s.answer();
         s.h2.reset();
         co_await s.hear_for_ever();
       }},
      {"GOAWAY at once",
       [](XdsStream& s) -> io::Task<> {
         s.connection.shutdown();
         co_return;
       }},
      {"a clean end at once",
       [](XdsStream& s) -> io::Task<> {
         co_await s.answer();
         co_await s.end("0");
       }},
      {"a routine end at once",
       [](XdsStream& s) -> io::Task<> {
         co_await s.answer();
         co_await s.end("2");
       }},
  };
  for (const auto& row : rows) {
    CAPTURE(row.fault);
    ControlMesh node;
    node.plane.scripts = {{row.act}};
    node.pass(10min);
    CHECK(node.plane.streams >= 30);
    CHECK(node.plane.streams <= 95);
    CHECK(node.log.with("\twarn\t") <= 61);
    CHECK(!node.ready());
    CHECK(node.feed.pending().front() == "state manager");
    node.plane.scripts = {{first_push, stay}};  // and it is found when it is back
    node.pass(30s);
    CHECK(node.ready());
    CHECK(node.knows("till"));
  }
}

TEST_CASE("a control plane that answers PINGs alone is slow and not dead: it holds readiness") {
  ControlMesh node;
  node.plane.scripts = {{[](XdsStream& stream) -> io::Task<> {
    co_await stream.answer();
    co_await stream.hear_for_ever();
  }}};
  node.pass(5min);
  CHECK(node.plane.streams == 1);  // nobody is asked in a loop
  CHECK(node.client.connected());
  CHECK(!node.ready());
  CHECK(node.feed.pending().front() == "state manager");
  CHECK(node.log.with("\twarn\t") == 0);
}

}  // namespace
}  // namespace culvert::protocol
