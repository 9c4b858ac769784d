// What the agent writes into its cluster, as the API server is asked for it, and what comes of the
// answers.
// SPDX-License-Identifier: Apache-2.0
#include "agent/cluster/kubernetes_writer.h"
#include "agent/kube/decode.h"
#include "tests/protocol/kube_server.h"

namespace culvert::protocol {
namespace {

using cluster::KubernetesWriter;

const mesh::LocalPod kCart{.uid = "u-1", .ns = "shop", .name = "cart-1"};

// writes plays `body` with a writer over the world's client, on the evening of 2001-09-09.
void writes(io::Task<> (*body)(World&, KubernetesWriter&)) {
  io::SimLoop loop;
  const auto done = io::block_on(
      loop, [](io::SimLoop& on, io::Task<> (*run)(World&, KubernetesWriter&)) -> io::Task<> {
        World world(on);
        KubernetesWriter writer(world.client, "node-1", [] {
          return std::chrono::system_clock::from_time_t(1'000'000'000);
        });
        auto result = co_await io::as_result(run(world, writer));
        co_await world.close();
        co_await std::move(result);
      }(loop, body));
  CHECK_MESSAGE(done, to_string(done.error()));
}

TEST_CASE("the annotation is set and removed by a patch of the pod's status, for that pod alone") {
  writes([](World& world, KubernetesWriter& writer) -> io::Task<> {
    world.server.answers = {{.body = R"({"kind":"Pod"})"}, {.body = R"({"kind":"Pod"})"}};
    co_await writer.set_redirection(kCart, true);
    co_await writer.set_redirection(kCart, false);
    for (const auto& request : world.server.requests) {
      CHECK(request == "PATCH /api/v1/namespaces/shop/pods/cart-1/status?fieldManager=culvert");
    }
    CHECK(world.server.bodies.at(0) ==
          R"({"metadata":{"annotations":{"ambient.istio.io/redirection":"enabled"},"uid":"u-1"}})");
    CHECK(world.server.bodies.at(1) ==
          R"({"metadata":{"annotations":{"ambient.istio.io/redirection":null},"uid":"u-1"}})");
    CHECK(world.server.headers.at(0).contains("content-type: application/merge-patch+json\n"));
  });
}

TEST_CASE("the annotation of a pod that is gone, or is another by now, is as it should be") {
  writes([](World& world, KubernetesWriter& writer) -> io::Task<> {
    Answer other = refuse(422);
    other.body = R"({"kind":"Status","message":"metadata.uid: Invalid value: immutable"})";
    world.server.answers = {refuse(404), other};
    co_await writer.set_redirection(kCart, true);
    co_await writer.set_redirection(kCart, true);
    CHECK(world.server.requests.size() == 2);
  });
}

TEST_CASE("a write that is refused fails with the server's words") {
  writes([](World& world, KubernetesWriter& writer) -> io::Task<> {
    for (const int status : {403, 409, 422, 500}) {
      world.server.answers = {refuse(status), refuse(status)};
      const auto patched = co_await io::as_result(writer.set_redirection(kCart, true));
      CHECK(kube::http_status(patched.error()) == status);
      const auto posted = co_await io::as_result(writer.post_warning(kCart, "why"));
      CHECK(kube::http_status(posted.error()) == status);
    }
  });
}

TEST_CASE("a warning is an Event on the pod") {
  writes([](World& world, KubernetesWriter& writer) -> io::Task<> {
    world.server.answers = {{.status = 201, .body = "{}"}, {.status = 201, .body = "{}"}};
    co_await writer.post_warning(kCart, "hostNetwork pods can't be captured");
    CHECK(world.server.requests.at(0) ==
          "POST /api/v1/namespaces/shop/events?fieldManager=culvert");
    const auto event = nlohmann::json::parse(world.server.bodies.at(0));
    CHECK(event["metadata"].dump() == R"({"generateName":"culvert-","namespace":"shop"})");
    CHECK(event["involvedObject"].dump() ==
          R"({"apiVersion":"v1","kind":"Pod","name":"cart-1","namespace":"shop","uid":"u-1"})");
    CHECK(event["type"] == "Warning");
    CHECK(event["reason"] == "NotInMesh");
    CHECK(event["message"] == "hostNetwork pods can't be captured");
    CHECK(event["source"].dump() == R"({"component":"culvert-agent","host":"node-1"})");
    CHECK(event["firstTimestamp"] == "2001-09-09T01:46:40Z");
    CHECK(event["lastTimestamp"] == "2001-09-09T01:46:40Z");

    co_await writer.post_warning(kCart, std::string(5000, 'x'));
    CHECK(nlohmann::json::parse(world.server.bodies.at(1))["message"] ==
          std::string(cluster::kEventMessageBytesMax, 'x'));
  });
}

}  // namespace
}  // namespace culvert::protocol
