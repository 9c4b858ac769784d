// What a control plane sends on an xDS stream, as one message, twice, then a new stream. A response
// is acknowledged with its nonce, or refused exactly if a resource of it was; the new stream asks
// for what was kept, under the versions that were told; bytes that are no response end the stream
// and nothing else.
// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/control/xds_client.h"
#include "tests/fuzz/scenario.h"
#include "tests/unit/control_xds/control_plane.h"
#include "ztunnel/lib/control/protobuf_log.h"

namespace culvert::fuzz {
namespace {

using namespace control;

// The owner of the client refuses resources of such names.
bool is_refused(std::string_view name) {
  return name.ends_with("!");
}

struct Exchange {
  std::string message;
  std::size_t updates = 0;

  XdsCallbacks callbacks() {
    return {.on_update = [this](std::string_view, const std::vector<XdsResource>& resources,
                                const std::vector<std::string>&) {
      ++updates;
      std::vector<XdsRejection> rejections;
      for (const auto& resource : resources) {
        if (is_refused(resource.name)) {
          rejections.push_back({resource.name, "refused here"});
        }
      }
      return rejections;
    }};
  }
};

io::Task<> send_twice(ControlPlane& plane, http::GrpcCall& call, const std::string& message) {
  for (int i = 0; i < 2; ++i) {
    co_await call.send(message);
    co_await plane.read_request(call);
  }
}

io::Task<> stay(ControlPlane&, http::GrpcCall& call) {
  while (co_await call.receive()) {
  }
}

io::Task<> run_client(XdsClient& client) {
  (void)co_await io::as_result(client.run());
}

io::Task<> converse(io::Loop& loop, Exchange& exchange,
                    std::vector<DeltaDiscoveryRequest>& requests) {
  ControlPlane plane(loop);
  plane.scripts = {[&exchange](ControlPlane& self, http::GrpcCall& call) {
                     return send_twice(self, call, exchange.message);
                   },
                   stay};
  Rng rng(1);
  XdsClient client(loop, rng, plane.dial(), {.node_name = "n1"}, exchange.callbacks());
  io::Scope scope(loop);
  scope.spawn(run_client(client));
  co_await loop.sleep(std::chrono::seconds(5));
  CULVERT_ASSERT(plane.streams == 2 && client.connected());
  scope.cancel();
  (void)co_await io::as_result(scope.join());
  co_await plane.close();
  requests = plane.requests;
}

using Versions = std::map<std::string, std::string>;

Versions kept_versions(const DeltaDiscoveryResponse& response, std::string_view type) {
  Versions kept;
  if (response.type_url() != type) {
    return kept;
  }
  for (const auto& resource : response.resources()) {
    kept[resource.name()] = resource.version();
  }
  std::erase_if(kept, [](const auto& entry) { return is_refused(entry.first); });
  for (const auto& name : response.removed_resources()) {
    kept.erase(name);
  }
  return kept;
}

void check_acknowledgement(const DeltaDiscoveryRequest& request,
                           const DeltaDiscoveryResponse& response, bool known) {
  CULVERT_ASSERT(request.response_nonce() == response.nonce());
  CULVERT_ASSERT(request.type_url() == response.type_url());
  const auto& resources = response.resources();
  const bool refused = known && std::ranges::any_of(resources, [](const auto& resource) {
                         return is_refused(resource.name());
                       });
  CULVERT_ASSERT(request.has_error_detail() == refused);
}

void check_subscription(const DeltaDiscoveryRequest& request, const char* type,
                        const Versions& wanted) {
  const auto& told = request.initial_resource_versions();
  CULVERT_ASSERT(request.type_url() == type);
  CULVERT_ASSERT(Versions(told.begin(), told.end()) == wanted);
}

}  // namespace
}  // namespace culvert::fuzz

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  culvert::control::silence_protobuf_log();
  return culvert::fuzz::watch_log();
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace culvert;
  using namespace culvert::fuzz;
  Exchange exchange{.message = std::string(as_text({bytes, size}))};
  std::vector<DeltaDiscoveryRequest> requests;
  play([&](io::SimLoop& loop) { return converse(loop, exchange, requests); }, 1);
  DeltaDiscoveryResponse response;
  const bool is_response = response.ParseFromString(exchange.message);
  const bool known = is_response && (response.type_url() == kAddressType ||
                                     response.type_url() == kAuthorizationType);
  CULVERT_ASSERT(exchange.updates == (known ? 2 : 0));
  const std::size_t answers = is_response ? 2 : 0;
  CULVERT_ASSERT(requests.size() == 2 + answers + 2);
  for (std::size_t i = 0; i < answers; ++i) {
    check_acknowledgement(requests[2 + i], response, known);
  }
  if (!is_response) {
    response.Clear();  // of the parts that were read before the bytes went wrong
  }
  check_subscription(requests[2 + answers], kAddressType, kept_versions(response, kAddressType));
  check_subscription(requests[3 + answers], kAuthorizationType,
                     kept_versions(response, kAuthorizationType));
  return 0;
}
