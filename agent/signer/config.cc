// SPDX-License-Identifier: Apache-2.0
#include "agent/signer/config.h"

#include <utility>

#include "agent/flags/flags.h"
#include "agent/signer/keeper.h"

namespace culvert::signer {
namespace {

constexpr flags::TextFlag<Config> kTextFlags[] = {
    {"--namespace", &Config::in_namespace, "Namespace of the CA's Secrets"},
    {"--agent", &Config::agent, "User as whom the API server knows the agents"},
    {"--trust-domain", &Config::trust_domain, "Trust domain of the pods' identities"},
    {"--log-format", &Config::log_format, "text or json"},
    {"--log-level", &Config::log_level, "off, error, warn, info, debug, trace; scope=level too"},
};

}  // namespace

std::variant<Config, EarlyExit> read_flags(int argc, const char* const* argv) {
  Config config{.root_overlap = kDefaultOverlap};
  CLI::App app("culvert-signer: signs the certificates of the mesh's workloads");
  app.set_version_flag("--version", std::string(CULVERT_VERSION));
  flags::add_texts(app, kTextFlags, config);
  app.add_option("--kubeconfig", config.kubeconfig,
                 "How to reach the API server from outside a pod [the pod's service account]");
  flags::add_time(app, "--certificate-lifetime", config.certificate_lifetime,
                  "Longest life of a certificate, such as 24h", "24h")
      ->check(flags::is_certificate_lifetime);
  flags::add_time(
      app, "--root-overlap", config.root_overlap,
      "How long a new root is known to all before it signs, and an old one afterwards; a "
      "certificate lives no longer",
      "24h10m");
  app.add_option("--readiness-port", config.readiness_port, "")->capture_default_str();
  app.add_option("--metrics-port", config.metrics_port, "")->capture_default_str();
  if (auto early = flags::parse(app, argc, argv)) {
    return std::move(*early);
  }
  if (config.root_overlap < config.certificate_lifetime) {
    return EarlyExit{.status = 2,
                     .text =
                         "--root-overlap is shorter than --certificate-lifetime: workloads "
                         "would distrust each other; see --help\n"};
  }
  return config;
}

}  // namespace culvert::signer
