// What culvert-cni prints.
// SPDX-License-Identifier: Apache-2.0
#include "agent/cni/answer.h"

#include <doctest/doctest.h>

namespace culvert::cni {

namespace {

Json parsed(const Answer& answer) {
  return Json::parse(answer.text, nullptr, false);
}

const Json kOld = Json::parse(R"({"cniVersion":"0.4.0","interfaces":[{"name":"eth0"}],
  "ips":[{"version":"4","address":"10.0.0.5/24","interface":0},{"version":"6","address":"fd00::5/64"}]})");
const Json kNew = Json::parse(R"({"cniVersion":"1.0.0","interfaces":[{"name":"eth0"}],
  "ips":[{"address":"10.0.0.5/24","interface":0},{"address":"fd00::5/64"}]})");

}  // namespace

TEST_CASE("a result in the caller's version is handed on as it came") {
  CHECK(parsed(result_answer("0.4.0", kOld)) == kOld);
  CHECK(parsed(result_answer("1.0.0", kNew)) == kNew);
}

TEST_CASE("a result of another version is told in the caller's") {
  Json newer = kNew;
  newer["cniVersion"] = "1.1.0";
  CHECK(parsed(result_answer("1.1.0", kOld)) == newer);
  const Json older = parsed(result_answer("0.3.1", kNew));
  CHECK(older["cniVersion"] == "0.3.1");
  CHECK(older["ips"][0]["version"] == "4");
  CHECK(older["ips"][1]["version"] == "6");
}

TEST_CASE("an error has the specification's form") {
  const auto answer = error_answer("0.4.0", {Code::try_again, "held", "wait"});
  CHECK(answer.status == 1);
  CHECK(parsed(answer) ==
        Json{{"cniVersion", "0.4.0"}, {"code", 11}, {"msg", "held"}, {"details", "wait"}});
  CHECK(parsed(error_answer("7.0", {Code::no_json, "?", ""}))["cniVersion"] == "1.1.0");
}

TEST_CASE("the versions are told in the version that was asked in") {
  CHECK(parsed(version_answer("1.0.0")) ==
        Json{{"cniVersion", "1.0.0"}, {"supportedVersions", {"0.3.1", "0.4.0", "1.0.0", "1.1.0"}}});
}

}  // namespace culvert::cni
