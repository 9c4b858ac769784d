// SPDX-License-Identifier: Apache-2.0
#include "agent/config.h"

#include <filesystem>
#include <utility>

#include "agent/flags/flags.h"

namespace culvert::agent {

namespace {

constexpr flags::TextFlag<Config> kTextFlags[] = {
    {"--node", &Config::node, "Name of this node: pods with that spec.nodeName are mine"},
    {"--source-dir", &Config::source_dir, "Folder of Kubernetes YAML files, for --source file"},
    {"--ca-dir", &Config::ca_dir, "Folder of the mesh's root and its key, for --ca local"},
    {"--run-dir", &Config::run_dir, "Folder of the unix sockets"},
    {"--zds-socket", &Config::zds_socket, "Socket on which ztunnel hears of its pods"},
    {"--pin-dir", &Config::pin_dir, "Folder of the eBPF pins, on a bpffs that the host sees"},
    {"--state-dir", &Config::state_dir, "Folder of what culvert-cni goes by without an agent"},
    {"--trust-domain", &Config::trust_domain, "Trust domain of the pods' identities"},
    {"--cluster-id", &Config::cluster_id, "Name of this cluster in the workloads' uids"},
    {"--log-format", &Config::log_format, "text or json"},
    {"--log-level", &Config::log_level, "off, error, warn, info, debug, trace; scope=level too"},
};

void add_cni_flags(CLI::App& app, cni::Keeper::Options& options) {
  app.add_option("--cni-conf-dir", options.conf_dir,
                 "Folder of the node's CNI configuration: culvert-cni is kept in it");
  app.add_option("--cni-bin-dir", options.bin_dir,
                 "Folder of the node's CNI plugins: culvert-cni is copied there");
  app.add_option("--cni-exempt-namespaces", options.entry.exempt_namespaces,
                 "Comma list; their pods start also while no agent answers")
      ->delimiter(',')
      ->default_str("culvert-system");
  app.add_option("--cni-log", options.entry.log_file,
                 "File on the node to which culvert-cni logs each call");
}

// culvert-cni is told where things are on the node, and copied from beside this program.
void complete_cni_options(Config& config) {
  config.cni.entry.run_dir = config.run_dir;
  config.cni.entry.state_dir = config.state_dir;
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  config.cni.program = self.parent_path() / cni::kPluginType;
}

// What the flags lack or contradict, as one sentence; empty if nothing.
std::string wrong_together(const CLI::App& app, const Config& config) {
  if ((config.remove && !config.drain) || config.uninstall) {
    return "";
  }
  if (app.count("--node") == 0) {
    return "--node is needed";
  }
  if (config.from_files() && config.source_dir.empty()) {
    return "--source-dir is needed, or --source kubernetes";
  }
  if (!config.from_files() && !config.source_dir.empty()) {
    return "--source-dir is for --source file";
  }
  if (config.signs_here() != !config.ca_dir.empty()) {
    return config.signs_here() ? "--ca-dir is needed, or --ca kubernetes"
                               : "--ca-dir is for --ca local";
  }
  if (config.from_files() && config.signs_here() && !config.kubeconfig.empty()) {
    return "--kubeconfig is for --source kubernetes and --ca kubernetes";
  }
  return "";
}

}  // namespace

std::variant<Config, EarlyExit> read_flags(int argc, const char* const* argv) {
  Config config;
  CLI::App app("culvert-agent: enrols the pods of one node in the mesh");
  app.set_version_flag("--version", std::string(CULVERT_VERSION));
  flags::add_texts(app, kTextFlags, config);
  app.add_option("--source", config.source, "Where the mesh's objects are")
      ->check(CLI::IsMember({"file", "kubernetes"}))
      ->capture_default_str();
  app.add_option("--ca", config.ca, "Who signs the pods' certificates")
      ->check(CLI::IsMember({"local", "kubernetes"}))
      ->capture_default_str();
  app.add_option("--cgroup", config.cgroup,
                 "cgroup2 folder that all pods and daemons of this node are below [found]");
  app.add_option("--probe-cgroup", config.probe_cgroup,
                 "The kubelet's cgroup2 folder: its probes reach pods directly [found]");
  flags::add_time(app, "--certificate-lifetime", config.certificate_lifetime,
                  "Life of the pods' certificates, renewed at its half, such as 24h", "24h")
      ->check(flags::is_certificate_lifetime);
  add_cni_flags(app, config.cni);
  app.add_flag("--remove,--remove-pins", config.remove,
               "Release all pods of this node, remove everything from the kernel, and end");
  app.add_flag("--drain", config.drain,
               "With --remove: first let the pods leave the mesh as if their label was gone, with "
               "those of other nodes, so that no connection fails")
      ->needs("--remove");
  app.add_flag("--stay", config.stay, "With --remove: wait for SIGTERM when all is removed")
      ->needs("--remove");
  app.add_flag("--uninstall", config.uninstall,
               "Have all nodes release their pods, delete what the daemons made, and end");
  app.add_option("--kubeconfig", config.kubeconfig,
                 "Kubeconfig of the API server [this cluster's]");
  app.add_option("--namespace", config.in_namespace,
                 "Where Culvert is installed: for --ca kubernetes and --uninstall")
      ->capture_default_str();
  if (auto early = flags::parse(app, argc, argv)) {
    return std::move(*early);
  }
  if (const auto wrong = wrong_together(app, config); !wrong.empty()) {
    return EarlyExit{.status = 2, .text = wrong + ": see --help\n"};
  }
  complete_cni_options(config);
  return config;
}

}  // namespace culvert::agent
