// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "agent/enrol/enrol_socket.h"
#include "tests/unit/agent/fake_node.h"

namespace culvert::enrol {

namespace {

constexpr const char* kAdd = R"({"op":"add","uid":"u1","namespace":"shop","name":"cart"})";
constexpr const char* kDel = R"({"op":"del","uid":"u1","namespace":"shop","name":"cart"})";

std::vector<Fd> fds(std::size_t count) {
  std::vector<Fd> all;
  while (all.size() < count) {
    all.push_back(some_fd());
  }
  return all;
}

}  // namespace

TEST_CASE("an add names a pod and brings its netns") {
  const auto order = parse_enrol_request(kAdd, fds(1));
  REQUIRE(order);
  CHECK(order->op == EnrolOrder::Op::add);
  CHECK(order->pod.uid == "u1");
  CHECK(order->pod.ns == "shop");
  CHECK(order->pod.name == "cart");
  CHECK(order->pod.netns);
}

TEST_CASE("a del may bring the netns that it means, and a status brings nothing") {
  CHECK(parse_enrol_request(kDel, fds(0)));
  CHECK(parse_enrol_request(kDel, fds(1))->pod.netns);
  CHECK(parse_enrol_request(R"({"op":"status"})", fds(0))->op == EnrolOrder::Op::status);
}

TEST_CASE("a request that can't be understood is told what is wrong with it") {
  struct Row {
    const char* request;
    std::size_t fd_count;
    const char* words;
  };
  const Row rows[] = {
      {"", 0, "no JSON object"},
      {"[1]", 0, "no JSON object"},
      {R"({"uid":"u1"})", 0, "\"op\" is missing"},
      {R"({"op":"eat"})", 0, "must be add, check, del or status"},
      {R"({"op":"add","uid":7})", 1, "\"uid\" is missing or no text"},
      {R"({"op":"add","uid":"u1","namespace":"","name":"x"})", 1, "\"namespace\" is missing"},
      {kAdd, 0, "came with 0 descriptors"},
      {kAdd, 2, "came with 2 descriptors"},
      {kDel, 2, "came with 2 descriptors"},
      {R"({"op":"check","uid":"u1","namespace":"shop","name":"x"})", 0, "came with 0 descriptors"},
      {R"({"op":"status"})", 1, "came with 1 descriptors"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.request);
    const auto order = parse_enrol_request(row.request, fds(row.fd_count));
    REQUIRE(!order);
    CHECK(to_string(order.error()).find(row.words) != std::string::npos);
  }
}

TEST_CASE("replies are one JSON object") {
  CHECK(enrol_reply(std::nullopt) == R"({"ok":true})");
  CHECK(enrol_reply(Place::captured) == R"({"ok":true,"state":"captured"})");
  CHECK(enrol_reply(Place::outside) == R"({"ok":true,"state":"outside"})");
  CHECK(enrol_reply(fail(Errc::config, "no \"netns\"")) ==
        R"({"error":"no \"netns\"","ok":false})");
}

}  // namespace culvert::enrol
