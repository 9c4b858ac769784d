// Config: where the API server is and how both sides prove who they are, from a service account's
// folder or from a kubeconfig. Files are named here and read when a connection is made, so that
// what rotates is followed.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "agent/kube/token.h"
#include "ztunnel/lib/base/address.h"
#include "ztunnel/lib/base/result.h"

namespace culvert::kube {

// The folder that the kubelet mounts into every pod.
inline constexpr const char* kServiceAccountFolder =
    "/var/run/secrets/kubernetes.io/serviceaccount";
// A kubeconfig of hundreds of clusters, and a bundle of 64 certificates, are smaller.
inline constexpr std::size_t kConfigBytesMax = 1024 * 1024;

// Pem is a PEM text, or the file that holds it.
struct Pem {
  std::string text = {};
  std::string path = {};

  bool given() const { return !text.empty() || !path.empty(); }
  // read gives the text, empty where nothing is given. Fails with `config` as read_text does.
  Result<std::string> read() const;
};

struct Config {
  SocketAddress server;
  std::string authority;       // as requests name the server: "10.96.0.1:443"
  std::string server_name;     // what its certificate must be for: a DNS name or an IP address
  std::string base_path = {};  // "/k8s/clusters/c-1" of a server behind a path
  Pem roots = {};              // what its certificate must lead to
  Pem certificate = {};        // ours, if the server knows us by one: the chain, leaf first
  Pem key = {};
  Token token = {};
};

// in_cluster takes the values of KUBERNETES_SERVICE_HOST and _PORT, and the service account's
// folder. Fails with `config` where they can't be used.
Result<Config> in_cluster(std::string_view host, std::string_view port,
                          const std::string& folder = kServiceAccountFolder);

// read_kubeconfig reads the file at `path` and takes its current context, or `context`. Fails with
// `config`: it can't be read, has no such context, or wants what is not supported here (exec
// plugins, insecure-skip-tls-verify, proxies, passwords, a server by name); the sentence says
// which.
Result<Config> read_kubeconfig(const std::string& path, const std::string& context = {});

// find_config reads the file at `kubeconfig`; where that is empty, this process runs in the
// cluster, and its environment says where the server is.
Result<Config> find_config(const std::string& kubeconfig);

// parse_server reads "https://10.0.0.1:6443/path" into `config`: server, authority, server_name,
// base_path. "localhost" is 127.0.0.1. Fails with `config`.
Result<> parse_server(std::string_view url, Config& config);

}  // namespace culvert::kube
