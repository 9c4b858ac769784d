// From text to objects, and what is said about text that is none.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "tests/unit/mesh/shop.h"

namespace culvert::mesh {
namespace {

TEST_CASE("several documents, empty ones and lists are read, in YAML and in JSON") {
  const auto objects = read("---\n---\n" + pod_yaml("a", "10.0.0.1") +
                            "---\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: "
                            "ServiceAccount, metadata: {name: s}}\n"
                            "- {apiVersion: v1, kind: Namespace, metadata: {name: shop}}\n"
                            "---\n{\"apiVersion\": \"v1\", \"kind\": \"ServiceAccount\", "
                            "\"metadata\": {\"name\": \"j\", \"namespace\": \"x\"}}\n");
  CHECK(objects.pods.contains({"shop", "a"}));
  CHECK(objects.service_accounts.contains({"default", "s"}));
  CHECK(objects.service_accounts.contains({"x", "j"}));
  CHECK(objects.namespaces.contains({"", "shop"}));
  CHECK(objects.count() == 4);
}

TEST_CASE("a pod is read as kubectl prints it") {
  const auto objects = read(pod_yaml("a", "fd00::1",
                                     "labels: {app: web, pod-template-hash: abc}\n"
                                     "  ownerReferences:\n"
                                     "  - {kind: ReplicaSet, name: web-abc, controller: true}"));
  const auto& pod = objects.pods.at({"shop", "a"});
  CHECK(pod.meta.uid == "uid-a");
  CHECK(pod.node == "n1");
  CHECK(pod.service_account == "a-account");
  CHECK(pod.ips == std::vector{*IpAddress::parse("fd00::1")});
  CHECK(pod.named_ports == std::map<std::string, std::uint16_t>{{"web", 8080}});
  CHECK(pod.owner->name == "web-abc");
  CHECK(pod.ready);
  CHECK_FALSE(pod.finished);
}

TEST_CASE(
    "a pod without the Ready condition is ready when it runs, and by hand without any status") {
  const auto with_status = [](const std::string& status) {
    const auto objects =
        read("apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: shop, uid: u}\nstatus: " +
             status);
    return objects.pods.at({"shop", "a"});
  };
  CHECK(with_status("{}").ready);
  CHECK(with_status("{phase: Running}").ready);
  CHECK_FALSE(with_status("{phase: Pending}").ready);
  CHECK_FALSE(
      with_status("{phase: Running, conditions: [{type: Ready, status: \"False\"}]}").ready);
  CHECK(with_status("{phase: Succeeded}").finished);
  CHECK(with_status("{}").service_account == "default");
}

TEST_CASE("broken YAML is one sentence with the line, and no object") {
  const auto file = read_yaml("web.yaml", pod_yaml("a", "10.0.0.1") + "---\nkind: [unclosed\n");
  CHECK(file.broken);
  CHECK(file.objects.count() == 0);
  REQUIRE(file.problems.size() == 1);
  CHECK(file.problems[0].file == "web.yaml");
  CHECK(file.problems[0].sentence.starts_with("web.yaml: line "));
  CHECK(file.problems[0].sentence.ends_with(
      "; correct the YAML, until then what the file held before stays in force"));
}

TEST_CASE("a file that is no UTF-8 is one sentence, and no object that nobody could be told of") {
  const auto file = read_yaml("pods.yaml", pod_yaml("b\xe9ta", "10.0.0.1"));
  CHECK(file.broken);
  CHECK(file.objects.count() == 0);
  REQUIRE(file.problems.size() == 1);
  CHECK(file.problems[0].sentence ==
        "pods.yaml: the text is no UTF-8; save it as UTF-8, until then what the file held before "
        "stays in force");
}

TEST_CASE(
    "text that belongs to no value is an error of its line, and no document again and again") {
  for (const std::string text : {" ,}:v{Aba:  ,}:ver     ", "kind: Pod\n---\n}", "]"}) {
    CAPTURE(text);
    const auto file = read_yaml("a.yaml", text);
    CHECK(file.broken);
    CHECK(file.objects.count() == 0);
    CHECK(file.problems.size() == 1);
  }
}

TEST_CASE(
    "a key that is there twice breaks the file, for which of both counts is not to be guessed") {
  const auto file = read_yaml("a.yaml", "kind: Pod\nmetadata:\n  name: a\n  name: b\n");
  CHECK(file.broken);
  REQUIRE(file.problems.size() == 1);
  CHECK(file.problems[0].sentence.starts_with("a.yaml: line 4: the key \"name\" is there twice;"));
  for (const std::string text : {"{kind: Pod, ~: x}", "{kind: Pod, [a]: x}", "? {a: b}\n: c"}) {
    CAPTURE(text);
    CHECK(read_yaml("a.yaml", text).problems[0].sentence.contains("line 1: a key is no text; "));
  }
}

TEST_CASE("aliases repeat what they name, within a limit") {
  const auto objects = read(
      "apiVersion: v1\nkind: Namespace\nmetadata: {name: &x shop, labels: &l {a: *x}}\n---\n"
      "apiVersion: v1\nkind: Pod\nmetadata: &m {name: a, namespace: shop, uid: u, labels: {b: c}}\n"
      "spec: {copy: *m}\n");
  CHECK(objects.namespaces.at({"", "shop"}).meta.labels == Labels{{"a", "shop"}});
  std::string bomb = "a: &a0 [x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    bomb += fmt::format("b{0}: &a{0} [*a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}]\n", i, i - 1);
  }
  std::string ladder = "- &a0 [x]\n";
  for (int i = 1; i < 10'000; ++i) {
    ladder += fmt::format("- &a{} [*a{}]\n", i, i - 1);
  }
  for (const auto& text : {bomb, ladder}) {
    const auto file = read_yaml("a.yaml", text);
    CHECK(file.broken);
    CHECK(file.problems[0].sentence.contains(": aliases repeat too much; "));
  }
  CHECK(read_yaml("a.yaml", "&a [*a]")
            .problems[0]
            .sentence.contains("line 1: an alias stands inside of what it repeats; "));
}

TEST_CASE("no text whatever ends the process") {
  const std::vector<std::string> texts = {
      std::string("\0\1\2", 3),
      "- - - -",
      "a: b: c",
      "%YAML 9",
      "&a [*a]",
      "kind: {}",
      "[1, 2]",
      "plain",
      "!!binary x",
      "kind: Pod",
      "kind: Pod\nmetadata: []",
      "kind: List\nitems: {}",
      "kind: List\nitems: [1, null, []]",
      "apiVersion: v1\nkind: Pod\nmetadata: {name: a, uid: u}\nspec: 7\nstatus: [x]"};
  for (const auto& text : texts) {
    CAPTURE(text);
    const auto file = read_yaml("x.yaml", text);
    CHECK(file.problems.size() + file.objects.count() > 0);
  }
  CHECK_NOTHROW(read_yaml("deep.yaml", std::string(100'000, '[')));
}

TEST_CASE("an unknown kind is named, and the rest of the file is read") {
  const auto file =
      read_yaml("web.yaml",
                "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\n" +
                    pod_yaml("a", "10.0.0.1"));
  CHECK(sentences(file.problems) ==
        std::vector<std::string>{
            "web.yaml: Deployment shop/web: the mesh does not read kind Deployment of apps/v1; it "
            "is ignored, take it out of the folder if nobody else needs it there"});
  CHECK(file.problems[0].object == "Deployment shop/web");
  CHECK(file.objects.pods.size() == 1);
  CHECK(file.rejected.empty());
}

TEST_CASE("a known kind of a foreign group is unknown") {
  const auto file = read_yaml(
      "x.yaml", "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: web}\n");
  CHECK(file.problems.size() == 1);
  CHECK(file.objects.services.empty());
}

TEST_CASE("an object that can't be used is rejected by name with its next step") {
  struct Row {
    std::string text;
    std::string sentence;
  };
  const std::string stays = ", until then what it was before stays in force";
  const std::vector<Row> rows = {
      {"apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: shop}",
       "x.yaml: Pod shop/a: it has no metadata.uid; write the pod as `kubectl get -o yaml` prints "
       "it" +
           stays},
      {"apiVersion: v1\nkind: Pod\nmetadata: {name: a, uid: u}\nstatus: {podIP: 10.0.0.999}",
       "x.yaml: Pod default/a: status.podIPs: \"10.0.0.999\" is not an IP address; correct it" +
           stays},
      {"apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {clusterIP: here}",
       "x.yaml: Service default/s: spec.clusterIPs: \"here\" is not an IP address; correct it" +
           stays},
      {"apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {ports: [{port: 99999}]}",
       "x.yaml: Service default/s: spec.ports has port \"99999\"; write a number from 1 to 65535" +
           stays},
      {"apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: s}",
       "x.yaml: EndpointSlice default/s: it has no label kubernetes.io/service-name; name the "
       "service that it "
       "belongs to" +
           stays},
      {"apiVersion: v1\nkind: Pod\nmetadata: {}",
       "x.yaml: Pod default/: it has no metadata.name; give it one" + stays},
  };
  for (const auto& row : rows) {
    const auto file = read_yaml("x.yaml", row.text);
    CHECK(sentences(file.problems) == std::vector{row.sentence});
    CHECK(file.rejected.size() == 1);
    CHECK(file.objects.count() == 0);
  }
}

}  // namespace
}  // namespace culvert::mesh
