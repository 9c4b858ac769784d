// Calls that can be served, and calls that can't: each has the specification's code.
// SPDX-License-Identifier: Apache-2.0
#include "agent/cni/call.h"

#include <doctest/doctest.h>

#include <map>

#include "agent/cni/json_text.h"

namespace culvert::cni {

namespace {

using Variables = std::map<std::string, std::string>;

const std::string kInput = R"({"cniVersion":"1.0.0","name":"pods","type":"culvert-cni",)"
                           R"("prevResult":{"ips":[]}})";
const Variables kAdd = {
    {"CNI_COMMAND", "ADD"},
    {"CNI_CONTAINERID", "c1"},
    {"CNI_NETNS", "/run/netns/c1"},
    {"CNI_IFNAME", "eth0"},
    {"CNI_ARGS", "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=cart-0;K8S_POD_UID=u-1"}};

struct Read {
  bool good = false;
  Call call;
  Failure failure;
};

Read read(const Variables& variables, const std::string& input) {
  Read read;
  const auto environment = [&](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? std::string() : found->second;
  };
  read.good = read_call(environment, input, read.call, read.failure);
  return read;
}

Variables with(Variables variables, const std::string& name, const std::string& value) {
  variables[name] = value;
  return variables;
}

}  // namespace

TEST_CASE("an ADD names the pod, its netns and what the plugins before made") {
  const auto [good, call, failure] = read(kAdd, kInput);
  REQUIRE(good);
  CHECK(call.pod_text() == "pod shop/cart-0 (u-1)");
  CHECK(call.netns == "/run/netns/c1");
  CHECK(call.version == "1.0.0");
  CHECK(call.previous == Json{{"ips", Json::array()}});
  CHECK(call.run_dir == "/run/culvert");
  CHECK(call.exempt == std::set<std::string>{"culvert-system"});
}

TEST_CASE("our own keys are read, and nothing but their own type") {
  const auto entry = [](const std::string& keys) {
    return read(kAdd, R"({"cniVersion":"1.0.0","name":"pods","prevResult":{},)" + keys + "}");
  };
  const auto good =
      entry(R"("runDir":"/r","stateDir":"/s","exemptNamespaces":["a"],"logFile":"/l","more":1)");
  REQUIRE(good.good);
  CHECK(good.call.run_dir == "/r");
  CHECK(good.call.state_dir == "/s");
  CHECK(good.call.log_file == "/l");
  CHECK(good.call.exempt == std::set<std::string>{"a"});
  for (const char* keys : {R"("runDir":7)", R"("stateDir":[])", R"("exemptNamespaces":"a")",
                           R"("exemptNamespaces":[7])", R"("logFile":null)"}) {
    CAPTURE(keys);
    CHECK(entry(keys).failure.code == Code::invalid_config);
  }
}

TEST_CASE("what can't be read is one error with the specification's code") {
  struct Row {
    const char* fault;
    Variables variables;
    std::string input;
    Code code;
    const char* words;
  };
  const std::string deep = R"({"a":)" + std::string(100'000, '[');
  const Row rows[] = {
      {"no command", with(kAdd, "CNI_COMMAND", ""), kInput, Code::invalid_environment,
       "CNI_COMMAND is missing"},
      {"another command", with(kAdd, "CNI_COMMAND", "add"), kInput, Code::invalid_environment,
       "CNI_COMMAND 'add' is unknown"},
      {"no container", with(kAdd, "CNI_CONTAINERID", ""), kInput, Code::invalid_environment,
       "CNI_CONTAINERID"},
      {"a container that is a path", with(kAdd, "CNI_CONTAINERID", "../x"), kInput,
       Code::invalid_environment, "CNI_CONTAINERID"},
      {"no netns", with(kAdd, "CNI_NETNS", ""), kInput, Code::invalid_environment, "CNI_NETNS"},
      {"no interface", with(kAdd, "CNI_IFNAME", ""), kInput, Code::invalid_environment,
       "CNI_IFNAME"},
      {"arguments without =", with(kAdd, "CNI_ARGS", "K8S_POD_NAME"), kInput,
       Code::invalid_environment, "CNI_ARGS"},
      {"a pod with an odd name", with(kAdd, "CNI_ARGS", "K8S_POD_NAME=a/b"), kInput,
       Code::invalid_environment, "CNI_ARGS"},
      {"a long name", with(kAdd, "CNI_ARGS", "K8S_POD_NAME=" + std::string(254, 'a')), kInput,
       Code::invalid_environment, "CNI_ARGS"},
      {"nothing on stdin", kAdd, "", Code::no_json, "no JSON object"},
      {"half a configuration", kAdd, kInput.substr(0, 40), Code::no_json, "no JSON object"},
      {"a list", kAdd, "[]", Code::no_json, "no JSON object"},
      {"no UTF-8", kAdd, "{\"name\":\"\xff\"}", Code::no_json, "no JSON object"},
      {"too deep", kAdd, deep, Code::no_json, "no JSON object"},
      {"too long", kAdd, kInput + std::string(kInputBytesMax, ' '), Code::no_json, "too long"},
      {"no version", kAdd, R"({"name":"pods","prevResult":{}})", Code::incompatible_version, "''"},
      {"an old version", kAdd, R"({"cniVersion":"0.2.0","name":"pods"})",
       Code::incompatible_version, "0.2.0"},
      {"a new version", kAdd, R"({"cniVersion":"2.0.0","name":"pods"})", Code::incompatible_version,
       "2.0.0"},
      {"no name", kAdd, R"({"cniVersion":"1.0.0","prevResult":{}})", Code::invalid_config, "name"},
      {"no prevResult", kAdd, R"({"cniVersion":"1.0.0","name":"pods"})", Code::invalid_config,
       "prevResult"},
      {"a prevResult that is none", kAdd, R"({"cniVersion":"1.0.0","name":"pods","prevResult":[]})",
       Code::invalid_config, "prevResult"},
      {"CHECK before there was one", with(kAdd, "CNI_COMMAND", "CHECK"),
       R"({"cniVersion":"0.3.1","name":"pods","prevResult":{}})", Code::incompatible_version,
       "CHECK"},
      {"GC before there was one", with(kAdd, "CNI_COMMAND", "GC"), kInput,
       Code::incompatible_version, "GC"},
      {"STATUS before there was one", with(kAdd, "CNI_COMMAND", "STATUS"), kInput,
       Code::incompatible_version, "STATUS"},
  };
  for (const auto& row : rows) {
    INFO(std::string(row.fault));
    const auto result = read(row.variables, row.input);
    INFO(result.failure.msg);
    CHECK(!result.good);
    CHECK(result.failure.code == row.code);
    CHECK(result.failure.msg.contains(row.words));
  }
}

TEST_CASE("a DEL needs neither a netns nor a result, STATUS and GC no container") {
  const std::string bare = R"({"cniVersion":"1.1.0","name":"pods"})";
  CHECK(
      read({{"CNI_COMMAND", "DEL"}, {"CNI_CONTAINERID", "c"}, {"CNI_IFNAME", "eth0"}}, bare).good);
  CHECK(read({{"CNI_COMMAND", "STATUS"}}, bare).good);
  CHECK(read({{"CNI_COMMAND", "GC"}}, bare).good);
}

TEST_CASE("VERSION takes any input") {
  CHECK(read({{"CNI_COMMAND", "VERSION"}}, "").good);
  CHECK(read({{"CNI_COMMAND", "VERSION"}}, "[[[").good);
  CHECK(read({{"CNI_COMMAND", "VERSION"}}, R"({"cniVersion":"0.4.0"})").call.version == "0.4.0");
}

TEST_CASE("nesting counts brackets outside of strings") {
  CHECK(nesting(R"({"a":"[[[\"[[[","b":[{}]})") == 3);
  CHECK(nesting("") == 0);
  CHECK(nesting("]]]") == 0);
}

}  // namespace culvert::cni
