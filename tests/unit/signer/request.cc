// CertificateSigningRequests as the API server sends them.
// SPDX-License-Identifier: Apache-2.0
#include "agent/signer/request.h"

#include <doctest/doctest.h>

namespace culvert::signer {
namespace {

using State = CertificateRequest::State;

Json sample() {
  return Json::parse(R"({"metadata": {"name": "a", "creationTimestamp": "2026-11-25T10:00:00Z"},
    "spec": {"request": "QUJD", "signerName": "culvert.dev/workload", "expirationSeconds": 3600,
             "usages": ["server auth", "client auth"], "username": "u",
             "extra": {"authentication.kubernetes.io/node-name": ["node-1"]}}})");
}

TEST_CASE("a request is read with who made it, as the server says") {
  const auto request = read_request(sample());
  REQUIRE(request);
  CHECK(request->name == "a");
  CHECK(request->csr == "ABC");
  CHECK(request->lifetime == std::chrono::hours(1));
  CHECK(request->usages == std::set<std::string>{"client auth", "server auth"});
  CHECK(request->username == "u");
  CHECK(request->node == "node-1");
  CHECK(request->state == State::waiting);
}

TEST_CASE("a stamp that is not one value is none") {
  for (const auto* stamp : {"[]", R"(["node-1", "node-2"])", R"("node-1")", "[1]", "null", "{}"}) {
    CAPTURE(stamp);
    auto object = sample();
    object["spec"]["extra"]["authentication.kubernetes.io/node-name"] = Json::parse(stamp);
    CHECK(read_request(object)->node.empty());
  }
}

TEST_CASE("a request is open until it is denied, failed or signed") {
  struct Row {
    const char* status;
    State state;
  };
  const Row rows[] = {
      {"{}", State::waiting},
      {R"({"conditions": []})", State::waiting},
      {R"({"conditions": [{"type": "Approved"}]})", State::approved},
      {R"({"conditions": [{"type": "Denied"}]})", State::closed},
      {R"({"conditions": [{"type": "Approved"}, {"type": "Failed"}]})", State::closed},
      {R"({"conditions": [{"type": "Approved"}], "certificate": "QUJD"})", State::closed},
  };
  for (const auto& row : rows) {
    CAPTURE(row.status);
    auto object = sample();
    object["status"] = Json::parse(row.status);
    CHECK(read_request(object)->state == row.state);
  }
}

TEST_CASE("whatever else an object is, it is read without harm or refused") {
  for (const auto* text : {"{}", "[]", "7", "null", R"({"metadata": 1, "spec": [], "status": "x"})",
                           R"({"metadata": {"name": "a", "creationTimestamp": "yesterday"}})"}) {
    CAPTURE(text);
    CHECK(!read_request(Json::parse(text)));
  }
  auto object = sample();
  object["spec"] = "x";
  object["status"] = {{"conditions", "x"}, {"certificate", 1}};
  CHECK(read_request(object)->csr.empty());
}

}  // namespace
}  // namespace culvert::signer
