// SPDX-License-Identifier: Apache-2.0
#include "agent/kube/resource.h"

#include <doctest/doctest.h>

namespace culvert::kube {
namespace {

const Resource kPod{.api_version = "v1", .kind = "Pod", .plural = "pods"};
const Resource kPolicy{.api_version = "security.istio.io/v1",
                       .kind = "AuthorizationPolicy",
                       .plural = "authorizationpolicies"};

TEST_CASE("the core group stands in /api, all others in /apis") {
  CHECK(collection_path(kPod) == "/api/v1/pods");
  CHECK(collection_path(kPod, "shop") == "/api/v1/namespaces/shop/pods");
  CHECK(collection_path(kPolicy) == "/apis/security.istio.io/v1/authorizationpolicies");
  CHECK(object_path(kPod, "shop", "cart-1") == "/api/v1/namespaces/shop/pods/cart-1");
  CHECK(object_path(kPod, "", "cart-1") == "/api/v1/pods/cart-1");
}

TEST_CASE("names and values can't leave their place in a path or a query") {
  CHECK(object_path(kPod, "a/../b", "c?d=e#f") ==
        "/api/v1/namespaces/a%2F..%2Fb/pods/c%3Fd%3De%23f");
  CHECK(with_query("/api", {}) == "/api");
  CHECK(with_query("/api",
                   {{"labelSelector", "a=b,c!=d"}, {"limit", "500"}, {"x&y", "\xc3\xa4 +%"}}) ==
        "/api?labelSelector=a%3Db%2Cc%21%3Dd&limit=500&x%26y=%C3%A4%20%2B%25");
}

}  // namespace
}  // namespace culvert::kube
