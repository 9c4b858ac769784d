// Golden cases: our entry put into a node's configuration, and out again.
// SPDX-License-Identifier: Apache-2.0
#include "agent/cni/conflist.h"

#include <doctest/doctest.h>

namespace culvert::cni {

namespace {

const std::string kEntry = R"({"type":"culvert-cni","runDir":"/r"})";

// As Calico writes it: odd numbers, an escape and an order that a parser would change.
const std::string kCalico = R"({
  "name": "k8s-pod-network",
  "cniVersion": "0.3.1",
  "plugins": [
    {
      "type": "calico", "mtu": 1.5e3, "z": 12345678901234567890123, "a": "\u00e9",
      "ipam": {"type": "calico-ipam"}
    },
    {"type": "portmap", "capabilities": {"portMappings": true}}
  ]
}
)";
const std::string kCalicoWithEntry = R"({
  "name": "k8s-pod-network",
  "cniVersion": "0.3.1",
  "plugins": [
    {
      "type": "calico", "mtu": 1.5e3, "z": 12345678901234567890123, "a": "\u00e9",
      "ipam": {"type": "calico-ipam"}
    },
    {"type": "portmap", "capabilities": {"portMappings": true}},
    {"type":"culvert-cni","runDir":"/r"}
  ]
}
)";

std::string list_of(const std::string& plugins) {
  return R"({"cniVersion":"1.0.0","name":"n","plugins":[)" + plugins + "]}";
}

std::string fault_of(std::string_view text) {
  const auto kind = kind_of(text);
  return kind ? "" : to_string(kind.error());
}

}  // namespace

TEST_CASE("an entry goes in behind the others, and every other byte stays") {
  CHECK(*with_entry(kCalico, kEntry) == kCalicoWithEntry);
  CHECK(*with_entry(list_of(R"({"type":"ptp"})"), kEntry) ==
        list_of(R"({"type":"ptp"},)" + kEntry));
}

TEST_CASE("an entry that is taken out leaves the file that was there before") {
  CHECK(*without_entry(kCalicoWithEntry) == kCalico);
  CHECK(*without_entry(kCalico) == kCalico);
}

TEST_CASE("an entry that is there already is brought up to date where it stands") {
  const std::string old = R"({"runDir":"/old","type":"culvert-cni"})";
  CHECK(*with_entry(kCalicoWithEntry, kEntry) == kCalicoWithEntry);
  CHECK(*with_entry(list_of(R"({"type":"ptp"},)" + old + R"(,{"type":"istio-cni"})"), kEntry) ==
        list_of(R"({"type":"ptp"},)" + kEntry + R"(,{"type":"istio-cni"})"));
  // Written by hand, the same in value: nobody's file is changed for its spaces.
  const std::string spaced =
      list_of(R"({"type":"ptp"}, { "type" : "culvert-cni","runDir" : "/r"})");
  CHECK(*with_entry(spaced, kEntry) == spaced);
}

TEST_CASE("of several entries one stays, at whatever places they are") {
  const std::string ptp = R"({"type":"ptp"})";
  const std::string rows[] = {kEntry + "," + kEntry + "," + ptp, kEntry + "," + ptp + "," + kEntry,
                              ptp + ", " + kEntry + " ,\n" + kEntry};
  for (const auto& row : rows) {
    CAPTURE(row);
    const auto one = with_entry(list_of(row), kEntry);
    REQUIRE(one);
    CHECK(one->find("culvert-cni") == one->rfind("culvert-cni"));
    CHECK(without_entry(*one)->find("culvert-cni") == std::string::npos);
    CHECK(*kind_of(*without_entry(list_of(row))) == ConfKind::list);
  }
}

TEST_CASE("a single plugin becomes a list under the same name and version") {
  const std::string single = R"({"cniVersion":"0.4.0","name":"mynet","type":"bridge","x":1.0})";
  CHECK(*kind_of(single) == ConfKind::single);
  const auto list = wrapped(single, kEntry);
  CHECK(*list ==
        R"({"cniVersion":"0.4.0","name":"mynet","plugins":[)" + single + "," + kEntry + "]}\n");
  CHECK(*kind_of(*list) == ConfKind::list);
}

TEST_CASE("what is no configuration for us is told why") {
  CHECK(fault_of("{").contains("no JSON object"));
  CHECK(fault_of("[]").contains("no JSON object"));
  CHECK(fault_of(std::string(100'000, '[')).contains("nests deeper"));
  CHECK(fault_of(R"({"cniVersion":"1.0.0","plugins":[{"type":"a"}]})").contains("no name"));
  CHECK(fault_of(R"({"cniVersion":"1.0.0","name":"n"})").contains("neither plugins nor a type"));
  CHECK(fault_of(list_of("")).contains("plugins are none"));
  CHECK(fault_of(list_of(R"({"name":"x"})")).contains("plugins are none"));
  CHECK(fault_of(R"({"cniVersion":"1.0.0","name":"n","plugins":7})").contains("no list"));
}

TEST_CASE("a list in a version that culvert-cni does not speak is left alone") {
  const auto in = [](const std::string& versions) {
    return fault_of("{" + versions + R"("name":"n","plugins":[{"type":"a"}]})");
  };
  CHECK(in(R"("cniVersion":"1.1.0",)").empty());
  CHECK(in("").contains("cniVersion"));  // read as 0.1.0 by the runtimes
  CHECK(in(R"("cniVersion":"0.2.0",)").contains("0.2.0"));
  CHECK(in(R"("cniVersion":"2.0.0",)").contains("2.0.0"));
  // The newest that the runtime knows counts.
  CHECK(in(R"("cniVersion":"0.2.0","cniVersions":["0.2.0","1.0.0"],)").empty());
  CHECK(in(R"("cniVersion":"1.0.0","cniVersions":["1.0.0","1.2.0"],)").contains("cniVersion"));
}

TEST_CASE("keys that can't be found in the text are an error and no guess") {
  const std::string escaped = R"({"cniVersion":"1.0.0","name":"n","plugin\u0073":[{"type":"a"}]})";
  CHECK(!with_entry(escaped, kEntry));
  // Twice the same key: the last one counts, in the text as for the runtimes.
  const auto twice = with_entry(R"({"plugins":[{"type":"a"}],"plugins":[{"type":"b"}]})", kEntry);
  REQUIRE(twice);
  CHECK(*twice == R"({"plugins":[{"type":"a"}],"plugins":[{"type":"b"},)" + kEntry + "]}");
}

TEST_CASE("the entry says where things are") {
  CHECK(
      entry_of({.run_dir = "/r", .state_dir = "/s", .exempt_namespaces = {"a"}, .log_file = ""}) ==
      R"({"type":"culvert-cni","runDir":"/r","stateDir":"/s","exemptNamespaces":["a"]})");
}

}  // namespace culvert::cni
