// SPDX-License-Identifier: Apache-2.0
#include "agent/kube/config.h"

#include "tests/unit/kube/folder.h"

namespace culvert::kube {
namespace {

void check_refused(const Result<Config>& result, const std::string& words) {
  CAPTURE(words);
  REQUIRE(!result);
  CHECK(result.error().code == Errc::config);
  CHECK_MESSAGE(result.error().context.find(words) != std::string::npos, result.error().context);
}

TEST_CASE("a pod finds its API server by its environment and its service account's folder") {
  const Folder folder;
  folder.write("ca.crt", "roots");
  folder.write("token", "secret\n");
  auto config = in_cluster("10.96.0.1", "443", folder.path());
  REQUIRE(config);
  CHECK(to_string(config->server) == "10.96.0.1:443");
  CHECK(config->server_name == "10.96.0.1");
  CHECK(config->authority == "10.96.0.1:443");
  CHECK(*config->roots.read() == "roots");
  CHECK(*config->token.get({}) == "secret");
  folder.write("ca.crt", "rotated");
  CHECK(*config->roots.read() == "rotated");

  config = in_cluster("fd00::1", "6443", folder.path());
  REQUIRE(config);
  CHECK(to_string(config->server) == "[fd00::1]:6443");
  CHECK(config->server_name == "fd00::1");
  CHECK(config->authority == "[fd00::1]:6443");
}

TEST_CASE("what is missing in a pod is told at once") {
  const Folder folder;
  check_refused(in_cluster("", "", folder.path()), "this is no pod");
  check_refused(in_cluster("10.96.0.1", "443", folder.path()), "/ca.crt: No such file");
  folder.write("ca.crt", "roots");
  check_refused(in_cluster("10.96.0.1", "443", folder.path()), "/token: No such file");
  folder.write("token", "secret");
  check_refused(in_cluster("10.96.0.1", "x", folder.path()), "server https://10.96.0.1:x");
  check_refused(in_cluster("10.96.0.1", "0", folder.path()), "server https://10.96.0.1:0");
  check_refused(in_cluster("api.example", "443", folder.path()), "names are not looked up");
}

// A kubeconfig with one context; `cluster` and `user` are the members of theirs.
std::string kubeconfig(const std::string& cluster, const std::string& user) {
  return "apiVersion: v1\nkind: Config\ncurrent-context: kind\n"
         "contexts:\n- name: kind\n  context: {cluster: c, user: u}\n"
         "clusters:\n- name: other\n  cluster: {server: 'https://10.9.9.9'}\n"
         "- name: c\n  cluster: {" +
         cluster +
         "}\n"
         "users:\n- name: u\n  user: {" +
         user + "}\n";
}

const std::string kServer =
    "server: 'https://127.0.0.1:6443', certificate-authority-data: cm9vdHM=";

TEST_CASE("a kubeconfig with everything in it is read") {
  const Folder folder;
  const auto path = folder.write(
      "config", kubeconfig(kServer, "client-certificate-data: Y2VydA==, client-key-data: a2V5"));
  auto config = read_kubeconfig(path);
  REQUIRE(config);
  CHECK(to_string(config->server) == "127.0.0.1:6443");
  CHECK(*config->roots.read() == "roots");
  CHECK(*config->certificate.read() == "cert");
  CHECK(*config->key.read() == "key");
  CHECK(*config->token.get({}) == "");
}

TEST_CASE("a kubeconfig that names files means those beside it") {
  const Folder folder;
  folder.write("roots.pem", "roots");
  folder.write("token", "from a file");
  folder.write("token", "secret");
  const auto path = folder.write(
      "config",
      kubeconfig("server: 'https://[fd00::1]/k8s/clusters/c-1/', certificate-authority: roots.pem, "
                 "tls-server-name: kubernetes, insecure-skip-tls-verify: false",
                 "token: old, tokenFile: ./token"));
  auto config = read_kubeconfig(path, "kind");
  REQUIRE_MESSAGE(config, to_string(config.error()));
  CHECK(to_string(config->server) == "[fd00::1]:443");
  CHECK(config->authority == "[fd00::1]");
  CHECK(config->server_name == "kubernetes");
  CHECK(config->base_path == "/k8s/clusters/c-1");
  CHECK(config->roots.path == folder.path() + "/roots.pem");
  CHECK(*config->token.get({}) == "secret");
}

TEST_CASE("localhost is an address, and a certificate's name") {
  const Folder folder;
  const auto config = read_kubeconfig(folder.write(
      "config",
      kubeconfig("server: 'https://localhost:6443', certificate-authority: c", "token: t")));
  REQUIRE(config);
  CHECK(to_string(config->server) == "127.0.0.1:6443");
  CHECK(config->server_name == "localhost");
}

TEST_CASE("what a kubeconfig wants and can't have is refused by name") {
  const Folder folder;
  struct Row {
    std::string cluster;
    std::string user;
    const char* told;
  };
  const Row rows[] = {
      {kServer, "exec: {command: aws}", "user u: exec is not supported; give a token"},
      {kServer, "auth-provider: {name: gcp}", "user u: auth-provider is not supported"},
      {kServer, "username: a, password: b", "user u: username is not supported"},
      {kServer, "token: t, as: admin", "user u: as is not supported"},
      {kServer, "", "user u: it has no token, tokenFile or client-certificate"},
      {kServer, "client-certificate-data: Y2VydA==", "user u: client-certificate and client-key"},
      {kServer, "client-certificate-data: '%', client-key-data: a2V5",
       "user u: client-certificate-data is not base64"},
      {kServer + ", insecure-skip-tls-verify: true", "token: t",
       "cluster c: insecure-skip-tls-verify is not supported; give certificate-authority"},
      {kServer + ", proxy-url: 'http://proxy'", "token: t", "cluster c: proxy-url is not supp"},
      {"server: 'https://10.0.0.1'", "token: t", "cluster c: it has no certificate-authority"},
      {"server: 'http://10.0.0.1', certificate-authority: c", "token: t", "only https"},
      {"server: 'https://api.example:6443', certificate-authority: c", "token: t",
       "names are not looked up"},
      {"server: 'https://10.0.0.1:99999', certificate-authority: c", "token: t", "server https"},
      {"", "token: t", "server "},
  };
  for (const auto& row : rows) {
    check_refused(read_kubeconfig(folder.write("config", kubeconfig(row.cluster, row.user))),
                  row.told);
  }
}

TEST_CASE("a kubeconfig that is none is refused in one sentence") {
  const Folder folder;
  check_refused(read_kubeconfig(folder.path() + "/config"), "No such file");
  check_refused(read_kubeconfig(folder.path()), "Is a directory");
  const auto good = folder.write("good", kubeconfig(kServer, "token: t"));
  check_refused(read_kubeconfig(good, "elsewhere"), "it has no context \"elsewhere\"");
  for (const char* const text : {"", "[]", "just words", "{", "a: [", "clusters: {}", "? ? ?",
                                 "contexts: 5", "current-context: {}"}) {
    CAPTURE(text);
    check_refused(read_kubeconfig(folder.write("config", text)), folder.path() + "/config");
  }
  check_refused(read_kubeconfig(folder.write("config", "current-context: a")),
                "it has no context \"a\"");
  check_refused(read_kubeconfig(folder.write("config", std::string(kConfigBytesMax + 1, '#'))),
                "larger than 1048576 bytes");
}

}  // namespace
}  // namespace culvert::kube
