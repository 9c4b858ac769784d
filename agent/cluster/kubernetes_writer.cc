// SPDX-License-Identifier: Apache-2.0
#include "agent/cluster/kubernetes_writer.h"

#include <algorithm>

#include "agent/kube/decode.h"
#include "agent/kube/resources.h"
#include "agent/mesh/redirection_annotation.h"
#include "ztunnel/lib/base/rfc3339.h"

namespace culvert::cluster {
namespace {

using nlohmann::json;

constexpr const char* kComponent = "culvert-agent";

// is_of_another says that no pod of this name and uid is there. A patch that names another uid is
// one that would change it, which is "422 Invalid: … metadata.uid: … field is immutable".
bool is_of_another(const Error& refusal) {
  const int status = kube::http_status(refusal);
  return status == 404 || (status == 422 && refusal.context.contains("metadata.uid"));
}

}  // namespace

io::Task<> KubernetesWriter::set_redirection(mesh::LocalPod pod, bool enabled) {
  json annotations;
  annotations[mesh::kRedirectionAnnotation] =
      enabled ? json(mesh::kRedirectionEnabled) : json(nullptr);
  kube::Request request{.verb = kube::Verb::merge_patch,
                        .path = object_path(kube::kPods, pod.ns, pod.name) + "/status"};
  request.body["metadata"] = {{"uid", pod.uid}, {"annotations", std::move(annotations)}};
  auto written = co_await as_result(client_.call(std::move(request)));
  if (!written && !is_of_another(written.error())) {
    co_await fail(std::move(written).error());
  }
}

io::Task<> KubernetesWriter::post_warning(mesh::LocalPod pod, std::string sentence) {
  sentence.resize(std::min(sentence.size(), kEventMessageBytesMax));
  const auto now = to_rfc3339(clock_());
  kube::Request request{.verb = kube::Verb::create, .path = collection_path(kube::kEvents, pod.ns)};
  request.body = {{"metadata", {{"namespace", pod.ns}, {"generateName", "culvert-"}}},
                  {"involvedObject",
                   {{"apiVersion", "v1"},
                    {"kind", "Pod"},
                    {"namespace", pod.ns},
                    {"name", pod.name},
                    {"uid", pod.uid}}},
                  {"type", "Warning"},
                  {"reason", "NotInMesh"},
                  {"message", std::move(sentence)},
                  {"source", {{"component", kComponent}, {"host", node_}}},
                  {"firstTimestamp", now},
                  {"lastTimestamp", now},
                  {"count", 1},
                  {"reportingComponent", kComponent},
                  {"reportingInstance", node_}};
  (void)co_await client_.call(std::move(request));
}

}  // namespace culvert::cluster
