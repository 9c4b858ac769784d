// SPDX-License-Identifier: Apache-2.0
#include "agent/kube/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "agent/kube/text_file.h"

namespace culvert::kube {

Result<std::string> Pem::read() const {
  if (path.empty()) {
    return text;
  }
  return read_text(path, kConfigBytesMax);
}

Result<Config> in_cluster(std::string_view host, std::string_view port, const std::string& folder) {
  if (host.empty() || port.empty()) {
    return fail(Errc::config,
                "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set: this is no pod, "
                "give a kubeconfig");
  }
  Config config;
  const bool bare_v6 = host.contains(':') && !host.starts_with('[');
  TRY_VOID(parse_server(
      fmt::format(fmt::runtime(bare_v6 ? "https://[{}]:{}" : "https://{}:{}"), host, port),
      config));
  config.roots.path = folder + "/ca.crt";
  config.token = Token::of_file(folder + "/token");
  // Told now, and not with the first connection: a pod without a service account's token never
  // gets one.
  TRY_VOID(config.roots.read());
  TRY_VOID(config.token.get({}));
  return config;
}

Result<Config> find_config(const std::string& kubeconfig) {
  const auto environment = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string_view(value == nullptr ? "" : value);
  };
  return kubeconfig.empty() ? in_cluster(environment("KUBERNETES_SERVICE_HOST"),
                                         environment("KUBERNETES_SERVICE_PORT"))
                            : read_kubeconfig(kubeconfig);
}

Result<> parse_server(std::string_view url, Config& config) {
  constexpr std::string_view kScheme = "https://";
  if (!url.starts_with(kScheme)) {
    return fail(Errc::config, fmt::format("server {}: only https is spoken to API servers", url));
  }
  std::string_view rest = url.substr(kScheme.size());
  const auto slash = std::min(rest.find('/'), rest.size());
  config.authority = rest.substr(0, slash);
  config.base_path = rest.substr(slash);
  config.base_path.erase(config.base_path.find_last_not_of('/') + 1);

  std::string_view host = config.authority;
  std::string port = "443";
  if (const auto colon = host.rfind(':');
      colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos) {
    port = host.substr(colon + 1);
    host = host.substr(0, colon);
  }
  config.server_name = host;
  if (host.starts_with('[') && host.ends_with(']')) {
    config.server_name = host.substr(1, host.size() - 2);
  }
  const std::string address = host == "localhost" ? "127.0.0.1" : std::string(host);
  auto server = SocketAddress::parse(address + ":" + port);
  if (!server || server->port == 0) {
    return fail(Errc::config, fmt::format("server {}: names are not looked up; write the address, "
                                          "as https://10.0.0.1:6443, and the name as "
                                          "tls-server-name if its certificate has only that",
                                          url));
  }
  config.server = *server;
  return {};
}

}  // namespace culvert::kube
