// Uninstalling against an API server that refuses, lacks everything, or answers nonsense.
// SPDX-License-Identifier: Apache-2.0
#include "agent/uninstall/uninstall.h"
#include "tests/protocol/kube_server.h"

namespace culvert::protocol {
namespace {

struct Ended {
  Result<> result = {};
  std::string said;
  std::vector<std::string> requests;
  io::Duration took{};
};

// uninstall plays it against a server that gives `answers`, and `otherwise` to all requests beyond.
Ended uninstall(const std::vector<Answer>& answers, const Answer& otherwise) {
  io::SimLoop loop;
  Ended ended;
  const auto played = io::block_on(
      loop,
      [](io::SimLoop& on, const std::vector<Answer>& first, const Answer& rest,
         Ended& told) -> io::Task<> {
        World world(on);
        world.server.answers.assign(first.begin(), first.end());
        world.server.otherwise = rest;
        const auto began = on.now();
        told.result = co_await io::as_result(uninstall::remove_from_cluster(
            on, world.client, {.in_namespace = "mesh", .say = [&](const std::string& step) {
                                 told.said += step + "\n";
                               }}));
        told.took = on.now() - began;
        told.requests = world.server.requests;
        co_await world.close();
      }(loop, answers, otherwise, ended));
  CHECK_MESSAGE(played, to_string(played.error()));
  return ended;
}

constexpr const char* kDaemonSet = R"({"metadata":{"generation":2},
  "spec":{"template":{"spec":{"initContainers":[{"name":"remove"}]}}},
  "status":{"observedGeneration":2,"desiredNumberScheduled":3,"updatedNumberScheduled":3,
            "numberReady":2}})";
constexpr const char* kPods = R"({"metadata":{},"items":[
  {"spec":{"nodeName":"one"},"status":{"conditions":[{"type":"Ready","status":"True"}]}},
  {"spec":{"nodeName":"two"},"status":{"conditions":[{"type":"Ready","status":"False"}]}},
  {"spec":{"nodeName":"three"}}]})";

TEST_CASE("where nothing is installed there is nothing to do") {
  const auto ended = uninstall({refuse(404),                   // the signer
                                refuse(404),                   // the agent
                                {.body = R"({"items":[]})"},   // pods
                                {.body = R"({"items":[]})"}},  // requests
                               refuse(404));
  CHECK_MESSAGE(ended.result, to_string(ended.result.error()));
  CHECK(ended.said.contains("there is no DaemonSet culvert-agent"));
  CHECK(ended.requests.back() == "DELETE /api/v1/namespaces/mesh/configmaps/culvert-ca-roots");
}

TEST_CASE("nodes that are not released in time are named, and nothing is deleted") {
  std::vector<Answer> answers(300, {.body = kDaemonSet});
  answers[0] = refuse(404);     // the signer
  answers.resize(1 + 1 + 241);  // what it asks for in four minutes
  const auto ended = uninstall(answers, {.body = kPods});
  REQUIRE_FALSE(ended.result);
  CHECK(ended.result.error().code == Errc::timed_out);
  CHECK_MESSAGE(to_string(ended.result.error()).contains("not released: two, three;"),
                to_string(ended.result.error()));
  CHECK(ended.took > std::chrono::minutes(4));
  CHECK(ended.took < std::chrono::minutes(4) + std::chrono::seconds(5));
  for (const auto& request : ended.requests) {
    CHECK_FALSE(request.starts_with("DELETE"));
  }
}

TEST_CASE("an answer that makes no sense ends it with a sentence") {
  for (const char* const body :
       {R"({"spec":7})", R"({"spec":{"template":{"spec":{"containers":[7]}}}})",
        R"({"spec":{"template":{"spec":{"containers":[{"args":{}}]}}}})",
        R"({"spec":{"template":{"spec":{"containers":[{"args":[]},{"args":[]}]}}}})"}) {
    const auto ended = uninstall({refuse(404)}, {.body = body});
    REQUIRE_FALSE(ended.result);
    CHECK(to_string(ended.result.error()).contains("DaemonSet culvert-agent"));
    CHECK(ended.requests.size() == 2);
  }
}

}  // namespace
}  // namespace culvert::protocol
