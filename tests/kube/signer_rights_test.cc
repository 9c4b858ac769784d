// Each right that the manifests give culvert-signer is missed when it is gone, by a line of its log
// that says which. The rights are read from the roles, so one more is tried as well.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "tests/kube/rights.h"
#include "tests/kube/signing_ground.h"
#include "tests/support/lab_error.h"

namespace culvert::lab {
namespace {

using nlohmann::json;

// Old requests are looked for once a minute.
constexpr Milliseconds kRemovedWithin = 75s;

// What the signer finds when it starts. Between them it does all that it can do.
enum class Found : std::uint8_t {
  nothing,  // it makes a root
  spoiled,  // it writes over what is there, and says so
};

// A request that nobody took away when it was time.
void store_old_request(const SigningGround& ground) {
  auto old = SigningGround::request("old");
  old["metadata"]["uid"] = "00000000-0000-4000-8000-000000000001";
  old["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z";
  old["status"]["conditions"] = json::array(
      {{{"type", "Denied"}, {"status", "True"}, {"reason", "Old"}, {"message", "old"}}});
  ground.api.store("certificatesigningrequests/old", old.dump());
}

void prepare(SigningGround& ground, Found found) {
  ground.start_signers(0);  // an earlier one is to see nothing of this
  ground.api.must_kubectl({"delete", "-n", "culvert-system", "--ignore-not-found",
                           "secret/culvert-ca", "secret/culvert-ca-in-force",
                           "configmap/culvert-ca-roots", "csr/right", "csr/wrong", "csr/old"});
  if (found == Found::spoiled) {
    ground.api.apply(R"(
{apiVersion: v1, kind: Secret, metadata: {name: culvert-ca-in-force, namespace: culvert-system}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: culvert-ca-roots, namespace: culvert-system}}
)");
  }
  store_old_request(ground);
  ground.ask("right", "agent-1");
  ground.ask("wrong", "agent-2");
}

// All but the removal of the old request. The log is asked, since kubectl takes long.
bool has_done_all(const SigningGround& ground, Found found) {
  const auto log = ground.logs();
  return log.contains("certificate signed") && log.contains("CertificateRefused") &&
         (found == Found::nothing || log.contains("UnusableCA"));
}

bool misses(SigningGround& ground, const Right& right) {
  for (const auto found : {Found::nothing, Found::spoiled}) {
    prepare(ground, found);
    ground.start_signers(1);
    (void)eventually(kServedWithin, [&] {
      return is_missed(right, ground.logs()) || has_done_all(ground, found);
    });
    if (is_missed(right, ground.logs())) {
      return true;
    }
  }
  return eventually(kRemovedWithin, [&] { return is_missed(right, ground.logs()); });
}

}  // namespace

TEST_CASE("each right of the signer is needed, and its log names the one that is gone") {
  SigningGround ground;
  Rights rights(ground.api, "culvert-signer");
  for (const auto& right : rights.all()) {
    INFO(to_string(right));
    rights.take_away(right);
    CHECK_MESSAGE(misses(ground, right), ground.logs());
  }
}

}  // namespace culvert::lab
