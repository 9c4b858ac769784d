// The CA as the signers publish it, and what is to be done to have another one.
// SPDX-License-Identifier: Apache-2.0
#include "tools/culvertctl/ca.h"

#include <doctest/doctest.h>

#include "ztunnel/lib/base/rfc3339.h"

namespace culvert::ctl {
namespace {

using namespace std::chrono_literals;

const WallClock kNow = *parse_rfc3339("2026-11-25T12:00:00Z");

Json config_map(const char* roots, const char* signing) {
  return {{"data", {{"root-cert.pem", "…"}, {"roots.json", roots}, {"signing.json", signing}}}};
}

TEST_CASE("the page says who signs, who is to, and which roots are only accepted") {
  const auto published = read_published(config_map(
      R"({"aaaaaaaaaaaaaaaaaaaa": {"published": "2026-11-20T12:00:00Z",
                                   "expires": "2026-11-27T12:00:00Z"},
          "bbbb": {"published": "2026-11-25T11:00:00Z", "expires": "2027-11-25T12:00:00Z"},
          "cccc": {"published": "2026-11-01T11:00:00Z", "replaced": "2026-11-25T11:30:00Z"}})",
      R"({"secret": "cacerts", "root": "aaaaaaaaaaaaaaaaaaaa", "expires": "2026-11-26T12:00:00Z",
          "succeededAt": "2026-11-26T11:10:00Z"})"));
  CHECK(render_ca(published, kNow, false) ==
        "the Secret cacerts signs, and expires in 1d\n"
        "ROOT               EXPIRES IN   KNOWN FOR   STATE\n"
        "aaaaaaaaaaaaaaaa   2d           5d          signs\n"
        "bbbb               365d         1h          accepted, signs in 23h 10m\n"
        "cccc               -            24d 1h      replaced for 30m, accepted still\n");
}

TEST_CASE("a ConfigMap that somebody spoiled is shown as far as it goes") {
  for (const char* spoiled : {"", "{", "[]", "7", R"({"x": 1})"}) {
    CAPTURE(spoiled);
    const auto page = render_ca(read_published(config_map(spoiled, spoiled)), kNow, false);
    CHECK(page.starts_with("nothing signs yet\n"));
  }
  CHECK(read_published(Json())["roots"].empty());
}

TEST_CASE("a root of our own is succeeded by another one when its Secret goes") {
  const auto steps = plan_rotation({.in_namespace = "mesh"}, {.given = false, .own = true});
  REQUIRE(steps);
  CHECK(to_shell(*steps) ==
        "# the signers make another root, which signs when every workload knows it\n"
        "kubectl delete secret culvert-ca --namespace mesh\n");
}

TEST_CASE("a CA that is given goes from its folder into the Secret") {
  const RotateOptions options{.from = "new ca"};
  const auto first = plan_rotation(options, {.given = false, .own = true});
  REQUIRE(first);
  CHECK(first->front().command[1] == "create");
  const auto steps = plan_rotation(options, {.given = true, .own = true});
  REQUIRE(steps);
  REQUIRE(steps->front().command.size() == 3);
  CHECK(steps->front().command[2] ==
        "kubectl create secret generic cacerts --namespace culvert-system "
        "'--from-file=new ca/ca-cert.pem' '--from-file=new ca/ca-key.pem' "
        "'--from-file=new ca/cert-chain.pem' '--from-file=new ca/root-cert.pem' "
        "--dry-run=client -o yaml | kubectl replace -f -");
}

TEST_CASE("what does not fit the cluster is said, with what would") {
  const auto given = plan_rotation({}, {.given = true, .own = true});
  REQUIRE_FALSE(given);
  CHECK(to_string(given.error()).contains("say with --from"));
  const auto none = plan_rotation({}, {});
  REQUIRE_FALSE(none);
  CHECK(to_string(none.error()).contains("is Culvert installed there?"));
}

}  // namespace
}  // namespace culvert::ctl
