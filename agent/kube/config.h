// Config: where the API server is and how both sides prove who they are, from a service account's
// folder or from a kubeconfig. Files are named here and read when a connection is made, so that
// what rotates is followed.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "ztunnel/lib/base/address.h"
#include "ztunnel/lib/base/result.h"

namespace culvert::kube {

// Pem is a PEM text, or the file that holds it.
struct Pem {
  std::string text = {};
  std::string path = {};  // read anew for each connection, if `text` is empty
};

struct Config {
  SocketAddress server;
  std::string server_name;     // what its certificate must be for: a DNS name or an IP address
  std::string base_path = {};  // "/k8s/clusters/c-1"; empty as a rule
  Pem authority;               // the certificates that its own must lead to
  std::optional<Pem> certificate = {};  // of ours; the chain, leaf first
  std::optional<Pem> key = {};
  std::string token = {};
  std::string token_path = {};
};

// The folder that the kubelet mounts into every pod.
inline constexpr const char* kServiceAccountFolder =
    "/var/run/secrets/kubernetes.io/serviceaccount";

// in_cluster takes the values of KUBERNETES_SERVICE_HOST and _PORT, and the service account's
// folder. Fails with `config` where they can't be used.
Result<Config> in_cluster(std::string_view host, std::string_view port,
                          const std::string& folder = kServiceAccountFolder);

// read_kubeconfig reads the file at `path` and takes its current context, or `context`. Fails with
// `config`: unreadable, no such context, or something that is not supported here (exec plugins,
// insecure-skip-tls-verify, proxies, passwords, a server that is named and not addressed), which
// the sentence names.
Result<Config> read_kubeconfig(const std::string& path, const std::string& context = {});

}  // namespace culvert::kube
