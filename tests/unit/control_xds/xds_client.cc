// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/control/xds_client.h"

#include <doctest/doctest.h>

#include "tests/unit/control_xds/control_plane.h"

namespace culvert::control {
namespace {

using std::chrono::milliseconds;

// What the client told its owner.
struct Told {
  std::vector<std::string> updates;  // "type: +name=value -name"
  std::vector<XdsTermination> terminations;
  int ready = 0;
  std::string rejected_name;  // to reject when it comes
  std::size_t message_bytes = 0;

  XdsCallbacks callbacks() {
    return {.on_update =
                [this](std::string_view type, const std::vector<XdsResource>& resources,
                       const std::vector<std::string>& removed) {
                  return take(type, resources, removed);
                },
            .on_ready = [this] { ++ready; },
            .on_message = [this](std::string_view, std::size_t bytes) { message_bytes += bytes; },
            .on_termination = [this](XdsTermination why) { terminations.push_back(why); }};
  }

  std::vector<XdsRejection> take(std::string_view type, const std::vector<XdsResource>& resources,
                                 const std::vector<std::string>& removed) {
    std::vector<XdsRejection> rejections;
    std::string update(type == kAddressType ? "address:" : "authorization:");
    for (const XdsResource& resource : resources) {
      if (resource.name == rejected_name) {
        rejections.push_back({.name = resource.name, .reason = "not understood"});
        continue;
      }
      CHECK(as_text(resource.value) == "value of " + resource.name);
      update += " +" + resource.name;
    }
    for (const std::string& name : removed) {
      update += " -" + name;
    }
    updates.push_back(update);
    return rejections;
  }
};

struct Mesh {
  explicit Mesh(io::Loop& on)
      : loop(on),
        plane(on),
        rng(1),
        client(on, rng, plane.dial(),
               {.node_name = "node1", .pod_name = "zt", .pod_namespace = "sys"}, told.callbacks(),
               {.backoff_max = milliseconds(40)}),
        scope(on) {}

  io::Task<> settle(bool (*done)(Mesh&)) {
    for (int i = 0; i < 500 && !done(*this); ++i) {
      co_await loop.sleep(milliseconds(1));
    }
    CHECK(done(*this));
  }

  io::Loop& loop;
  ControlPlane plane;
  Told told;
  Rng rng;
  XdsClient client;
  io::Scope scope;
};

io::Task<> run_client(Mesh& mesh) {
  (void)co_await io::as_result(mesh.client.run());
}

Result<> in_mesh(void (*prepare)(Mesh&), io::Task<> (*body)(Mesh&)) {
  auto loop = io::make_epoll_loop();
  return io::block_on(
      *loop, [](io::Loop& on, void (*ready)(Mesh&), io::Task<> (*run)(Mesh&)) -> io::Task<> {
        Mesh mesh(on);
        ready(mesh);
        mesh.scope.spawn(run_client(mesh));
        auto result = co_await io::as_result(run(mesh));
        mesh.scope.cancel();
        (void)co_await io::as_result(mesh.scope.join());
        co_await mesh.plane.close();
        co_await std::move(result);
      }(*loop, prepare, body));
}

io::Task<> wait_for_the_end(http::GrpcCall& call) {
  while (co_await call.receive()) {
  }
}

io::Task<> first_push(ControlPlane& plane, http::GrpcCall& call) {
  co_await plane.send(call, response_with(kAddressType, {"a", "b"}));
  co_await plane.read_request(call);
  co_await plane.send(call, response_with(kAuthorizationType, {"ns/p"}));
  co_await plane.read_request(call);
}

io::Task<> push_and_stay(ControlPlane& plane, http::GrpcCall& call) {
  co_await first_push(plane, call);
  co_await wait_for_the_end(call);
}

TEST_CASE("both types are asked for, addresses first, taken and acknowledged") {
  const auto result =
      in_mesh([](Mesh& mesh) { mesh.plane.scripts = {push_and_stay}; },
              [](Mesh& mesh) -> io::Task<> {
                co_await mesh.settle([](Mesh& m) { return m.plane.requests.size() == 4; });
                const auto& requests = mesh.plane.requests;
                CHECK(requests[0].type_url() == kAddressType);
                CHECK(requests[0].resource_names_subscribe_size() == 0);  // everything
                CHECK(requests[0].initial_resource_versions_size() == 0);
                CHECK(requests[0].node().id() == "ztunnel~1.1.1.1~zt.sys~sys.svc.cluster.local");
                const auto& fields = requests[0].node().metadata().fields();
                CHECK(fields.at("NODE_NAME").string_value() == "node1");
                CHECK(fields.at("CLUSTER_ID").string_value() == "Kubernetes");
                CHECK(requests[1].type_url() == kAuthorizationType);
                CHECK(requests[2].response_nonce() == "nonce-v1");
                CHECK(!requests[2].has_error_detail());
                CHECK(!requests[2].has_node());
                CHECK(mesh.told.updates ==
                      std::vector<std::string>{"address: +a +b", "authorization: +ns/p"});
                CHECK(mesh.told.ready == 1);
                CHECK(mesh.client.ready());
                CHECK(mesh.client.connected());
                CHECK(mesh.told.message_bytes > 0);
              });
  CHECK(result);
}

TEST_CASE(
    "a resource that is rejected is NACKed by name, the others are applied, and it is ready") {
  const auto result = in_mesh(
      [](Mesh& mesh) {
        mesh.told.rejected_name = "b";
        mesh.plane.scripts = {push_and_stay};
      },
      [](Mesh& mesh) -> io::Task<> {
        co_await mesh.settle([](Mesh& m) { return m.plane.requests.size() == 4; });
        CHECK(mesh.plane.requests[2].error_detail().message() == "b: not understood");
        CHECK(mesh.plane.requests[2].response_nonce() == "nonce-v1");
        CHECK(mesh.told.updates.front() == "address: +a");
        CHECK(mesh.told.ready == 1);
      });
  CHECK(result);
}

TEST_CASE("a reconnect says what is there already, without what was rejected or removed") {
  const auto result = in_mesh(
      [](Mesh& mesh) {
        mesh.told.rejected_name = "bad";
        mesh.plane.scripts = {[](ControlPlane& plane, http::GrpcCall& call) -> io::Task<> {
                                co_await first_push(plane, call);
                                co_await plane.send(
                                    call, response_with(kAddressType, {"c", "bad"}, {"a"}, "v2"));
                                co_await plane.read_request(call);
                              },
                              [](ControlPlane&, http::GrpcCall& call) -> io::Task<> {
                                co_await wait_for_the_end(call);
                              }};
      },
      [](Mesh& mesh) -> io::Task<> {
        co_await mesh.settle([](Mesh& m) { return m.plane.requests.size() == 7; });
        const auto& versions = mesh.plane.requests[5].initial_resource_versions();
        CHECK(versions.size() == 2);
        CHECK(versions.at("b") == "v1");
        CHECK(versions.at("c") == "v2");
        CHECK(mesh.plane.requests[6].initial_resource_versions().at("ns/p") == "v1");
        CHECK(mesh.told.updates.back() == "address: +c -a");
        CHECK(mesh.told.terminations.front() == XdsTermination::clean_end);
        CHECK(mesh.told.ready == 1);
      });
  CHECK(result);
}

TEST_CASE("a control plane that is not there is tried again until it is") {
  const auto result = in_mesh(
      [](Mesh& mesh) {
        mesh.plane.refused_dials = 3;
        mesh.plane.scripts = {push_and_stay};
      },
      [](Mesh& mesh) -> io::Task<> {
        co_await mesh.settle([](Mesh& m) { return m.client.ready(); });
        CHECK(mesh.plane.dials == 4);
        CHECK(mesh.told.terminations ==
              std::vector<XdsTermination>(3, XdsTermination::connect_failed));
      });
  CHECK(result);
}

TEST_CASE("a stream that fails in the middle of a push is made again and what came is kept") {
  const auto result = in_mesh(
      [](Mesh& mesh) {
        mesh.plane.scripts = {[](ControlPlane& plane, http::GrpcCall& call) -> io::Task<> {
                                co_await plane.send(call, response_with(kAddressType, {"a"}));
                                co_await plane.read_request(call);
                                co_await fail(Errc::unavailable, "dying");
                              },
                              push_and_stay};
      },
      [](Mesh& mesh) -> io::Task<> {
        co_await mesh.settle([](Mesh& m) { return m.client.ready(); });
        CHECK(mesh.plane.requests[3].initial_resource_versions().at("a") == "v1");
        CHECK(mesh.told.terminations.front() == XdsTermination::stream_failed);
      });
  CHECK(result);
}

TEST_CASE("a type nobody asked for is acknowledged and ignored") {
  const auto result = in_mesh(
      [](Mesh& mesh) {
        mesh.plane.scripts = {[](ControlPlane& plane, http::GrpcCall& call) -> io::Task<> {
          co_await plane.send(call, response_with("type.googleapis.com/other", {"x"}));
          co_await plane.read_request(call);
          co_await wait_for_the_end(call);
        }};
      },
      [](Mesh& mesh) -> io::Task<> {
        co_await mesh.settle([](Mesh& m) { return m.plane.requests.size() == 3; });
        CHECK(!mesh.plane.requests[2].has_error_detail());
        CHECK(mesh.told.updates.empty());
      });
  CHECK(result);
}

}  // namespace
}  // namespace culvert::control
