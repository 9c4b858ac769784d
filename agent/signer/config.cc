// SPDX-License-Identifier: Apache-2.0
#include "agent/signer/config.h"

#include <CLI/CLI.hpp>
#include <sstream>

#include "agent/signer/keeper.h"

namespace culvert::signer {
namespace {

// One row a flag that takes a text.
struct TextFlag {
  const char* name;
  std::string Config::* value;
  const char* meaning;
};
constexpr TextFlag kTextFlags[] = {
    {"--namespace", &Config::in_namespace, "Namespace of the CA's Secrets"},
    {"--agent", &Config::agent, "User as whom the API server knows the agents"},
    {"--trust-domain", &Config::trust_domain, "Trust domain of the pods' identities"},
    {"--log-format", &Config::log_format, "text or json"},
    {"--log-level", &Config::log_level, "off, error, warn, info, debug, trace; scope=level too"},
};

// Seconds. Agents take what they get; longer ones outlive what nobody can revoke.
constexpr std::int64_t kLifetimeMin = 60;
constexpr std::int64_t kLifetimeMax = 24 * 3600;

std::string is_lifetime(const std::string& seconds) {
  const std::int64_t value = std::atoll(seconds.c_str());
  return value >= kLifetimeMin && value <= kLifetimeMax
             ? ""
             : "a certificate lives for 1m to 24h, and not for " + seconds + "s";
}

CLI::Option* add_time(CLI::App& app, const char* name, std::chrono::seconds& value,
                      const char* meaning, const char* default_text) {
  return app.add_option(name, value, meaning)
      ->transform(CLI::AsNumberWithUnit(
          std::map<std::string, std::int64_t>{{"s", 1}, {"m", 60}, {"h", 3600}},
          CLI::AsNumberWithUnit::CASE_SENSITIVE, "TIME"))
      ->type_name("TIME")
      ->default_str(default_text);
}

}  // namespace

std::variant<Config, EarlyExit> read_flags(int argc, const char* const* argv) {
  Config config{.root_overlap = kDefaultOverlap};
  CLI::App app("culvert-signer: signs the certificates of the mesh's workloads");
  app.set_version_flag("--version", std::string(CULVERT_VERSION));
  for (const auto& flag : kTextFlags) {
    app.add_option(flag.name, config.*flag.value, flag.meaning)->capture_default_str();
  }
  app.add_option("--kubeconfig", config.kubeconfig,
                 "How to reach the API server from outside a pod [the pod's service account]");
  add_time(app, "--certificate-lifetime", config.certificate_lifetime,
           "Longest life of a certificate, such as 24h", "24h")
      ->check(is_lifetime);
  add_time(app, "--root-overlap", config.root_overlap,
           "How long a new root is known to all before it signs, and an old one afterwards; a "
           "certificate lives no longer",
           "24h10m");
  app.add_option("--readiness-port", config.readiness_port, "")->capture_default_str();
  app.add_option("--metrics-port", config.metrics_port, "")->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::ostringstream out;
    std::ostringstream problem;
    const int status = app.exit(error, out, problem);
    return EarlyExit{.status = status == 0 ? 0 : 2, .text = out.str() + problem.str()};
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
