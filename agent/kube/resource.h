// Resource: how the API server names a kind of object, and the paths and queries that follow from
// it. Source of truth: kubernetes.io/docs/reference/using-api/api-concepts, "Resource URIs".
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace culvert::kube {

struct Resource {
  std::string api_version;  // "v1", "security.istio.io/v1"
  std::string kind;         // "Pod"
  std::string plural;       // "pods"
};

// collection_path gives "/api/v1/pods", "/apis/GROUP/VERSION/PLURAL", or with a namespace
// "/api/v1/namespaces/shop/pods".
std::string collection_path(const Resource& resource, std::string_view in_namespace = {});

// object_path gives the path of one object; `in_namespace` is empty for kinds without namespaces. A
// subresource is put behind it: object_path(kPod, "shop", "cart-1") + "/status".
std::string object_path(const Resource& resource, std::string_view in_namespace,
                        std::string_view name);

// Query is a list of parameters in their order, not encoded: {{"fieldSelector",
// "spec.nodeName=a"}}.
using Query = std::vector<std::pair<std::string, std::string>>;

// with_query puts `query` behind `path`, percent-encoded.
std::string with_query(std::string path, const Query& query);

}  // namespace culvert::kube
