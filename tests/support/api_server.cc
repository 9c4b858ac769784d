// SPDX-License-Identifier: Apache-2.0
#include "tests/support/api_server.h"

#include <fmt/format.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/support/lab_error.h"
#include "tests/support/paths.h"
#include "ztunnel/lib/base/base64.h"

namespace culvert::lab {

namespace {

// The usual ports: each server has an address of its own.
constexpr int kServerPort = 6443;
constexpr int kEtcdPort = 2379;
constexpr int kEtcdPeerPort = 2380;
// Alone it takes five seconds; on a machine that compiles meanwhile, half a minute.
constexpr Milliseconds kStartTime = 120s;
constexpr std::size_t kShownOfLog = 4000;  // bytes; its last lines

// An address that is this process's and this object's: pids have 22 bits, loopback addresses 24,
// and the first quarter of them, with 127.0.0.1, is for others.
std::string own_address() {
  static unsigned made = 0;
  const unsigned host = (1 + made++ % 3) << 22 | static_cast<unsigned>(::getpid());
  return fmt::format("127.{}.{}.{}", host >> 16, host >> 8 & 255, host & 255);
}

std::string server_program(std::string_view name) {
  return fmt::format("{}/{}", kubernetes_folder("kubeall"), name);
}

}  // namespace

ApiServer::Folder::Folder() : path(std::filesystem::temp_directory_path() / "culvert-kube-XXXXXX") {
  expect(::mkdtemp(path.data()) != nullptr, "no folder {} could be made", path);
}

ApiServer::Folder::~Folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

ApiServer::ApiServer(ApiServerOptions options)
    : place_(std::move(options.place)),
      address_(options.address.empty() ? own_address() : std::move(options.address)),
      kubectl_(place_, {server_program("kubectl"), "--kubeconfig", kubeconfig(), "--cache-dir",
                        folder() + "/kubectl"}),
      pki_(folder() + "/pki") {
  pki_.issue("server", "/CN=kube-apiserver", fmt::format("DNS:localhost,IP:{}", address_));
  pki_.issue("service-accounts", "/CN=service-accounts");
  std::filesystem::rename(kubeconfig_for("admin", "system:masters"), kubeconfig());
  etcd_ = start_program(
      "etcd", {kubernetes_folder("etcd") + "/etcd", "--unsafe-no-fsync", "--log-level=warn",
               "--data-dir=" + folder() + "/etcd", "--listen-client-urls=" + etcd_url(kEtcdPort),
               "--advertise-client-urls=" + etcd_url(kEtcdPort),
               "--listen-peer-urls=" + etcd_url(kEtcdPeerPort),
               "--initial-advertise-peer-urls=" + etcd_url(kEtcdPeerPort),
               "--initial-cluster=default=" + etcd_url(kEtcdPeerPort)});
  start();
}

ApiServer::~ApiServer() {
  stop();
  etcd_.kill();
}

std::string ApiServer::url() const {
  return fmt::format("https://{}:{}", address_, kServerPort);
}

void ApiServer::stop() {
  server_.kill();
}

void ApiServer::start() {
  server_ = start_program(
      "kube-apiserver",
      {server_program("kube-apiserver"), "--etcd-servers=" + etcd_url(kEtcdPort),
       "--bind-address=" + address_, "--advertise-address=" + address_,
       fmt::format("--secure-port={}", kServerPort), "--endpoint-reconciler-type=none",
       "--tls-cert-file=" + pki_.certificate("server"),
       "--tls-private-key-file=" + pki_.key("server"), "--client-ca-file=" + pki_.authority(),
       "--service-account-key-file=" + pki_.certificate("service-accounts"),
       "--service-account-signing-key-file=" + pki_.key("service-accounts"),
       "--service-account-issuer=https://kubernetes.default.svc", "--allow-privileged=true",
       "--service-cluster-ip-range=10.96.0.0/16", "--authorization-mode=Node,RBAC"});
  const bool is_ready = eventually(kStartTime, [&] {
    expect(etcd_.alive(), "etcd ended early; its log says:\n{}", etcd_.log());
    expect(server_.alive(), "kube-apiserver ended early; its log says:\n{}", server_.log());
    return ready();
  });
  const std::string log = server_.log();
  expect(is_ready, "kube-apiserver is not ready after {} s; its log ends with:\n{}",
         std::chrono::duration_cast<std::chrono::seconds>(kStartTime).count(),
         log.substr(log.size() - std::min(log.size(), kShownOfLog)));
}

void ApiServer::forget_history() {
  // kubectl's own lists have no version; the server's have.
  const auto list = nlohmann::json::parse(must_kubectl({"get", "--raw", "/api/v1/namespaces"}));
  const auto revision = list["metadata"]["resourceVersion"].get<std::string>();
  stop();
  ask_etcd("compaction", fmt::format(R"({{"revision":"{}","physical":true}})", revision));
  start();
}

void ApiServer::store(std::string_view key, std::string_view object) const {
  ask_etcd("put", fmt::format(R"({{"key":"{}","value":"{}"}})",
                              to_base64(as_bytes(fmt::format("/registry/{}", key))),
                              to_base64(as_bytes(object))));
}

void ApiServer::ask_etcd(std::string_view call, std::string_view body) const {
  must_run(place_,
           {"curl", "-sSf", "--max-time", "10", "-d", "@-",
            fmt::format("{}/v3/kv/{}", etcd_url(kEtcdPort), call)},
           10s, body);
}

std::string ApiServer::kubeconfig_for(std::string_view user, std::string_view group) const {
  // A user's name may hold colons and slashes; a file's name better not.
  std::string name = fmt::format("user-{}", user);
  for (char& c : name) {
    c = c == ':' || c == '/' ? '-' : c;
  }
  pki_.issue(name,
             group.empty() ? fmt::format("/CN={}", user) : fmt::format("/O={}/CN={}", group, user));
  return write_kubeconfig(name, fmt::format("client-certificate: {}, client-key: {}",
                                            pki_.certificate(name), pki_.key(name)));
}

std::string ApiServer::kubeconfig_of(std::string_view in_namespace, std::string_view pod,
                                     std::string_view account) const {
  auto token =
      must_kubectl({"create", "token", std::string(account), "-n", std::string(in_namespace),
                    "--bound-object-kind", "Pod", "--bound-object-name", std::string(pod)});
  token.erase(token.find_last_not_of('\n') + 1);
  return write_kubeconfig(fmt::format("pod-{}-{}", in_namespace, pod), "token: " + token);
}

std::string ApiServer::write_kubeconfig(std::string_view name, std::string_view user) const {
  std::string path = fmt::format("{}/{}.kubeconfig", folder(), name);
  write_file(path, fmt::format(R"(apiVersion: v1
kind: Config
current-context: test
contexts: [{{name: test, context: {{cluster: test, user: test}}}}]
clusters: [{{name: test, cluster: {{server: "{}", certificate-authority: {}}}}}]
users: [{{name: test, user: {{{}}}}}]
)",
                               url(), pki_.authority(), user));
  return path;
}

void ApiServer::install_crds() const {
  must_kubectl({"apply", "--server-side", "-f", kubernetes_folder("crds")});
  must_kubectl({"wait", "--for=condition=Established", "--timeout=30s", "crd", "--all"});
}

Process ApiServer::start_program(std::string_view name, const Command& arguments) const {
  return Process::start(place_, arguments, fmt::format("{}/{}.log", folder(), name));
}

std::string ApiServer::etcd_url(int port) const {
  return fmt::format("http://{}:{}", address_, port);
}

bool ApiServer::ready() const {
  return run(place_,
             {"curl", "-sf", "--max-time", "2", "--cacert", pki_.authority(), "--cert",
              pki_.certificate("user-admin"), "--key", pki_.key("user-admin"), url() + "/readyz"})
      .ok();
}

std::string kubernetes_folder(const std::string& name) {
  const std::string program = source_folder() + "/tools/kubernetes/build";
  const Outcome outcome = run({}, {program, "--where", name});
  expect(outcome.ok(), "{} is not there; `tools/kubernetes/build {}` builds it {}", name, name,
         outcome.err);
  return outcome.out.substr(0, outcome.out.find('\n'));
}

}  // namespace culvert::lab
