// The command line, with CLI11; mistakes come with the nearest right word.
// SPDX-License-Identifier: Apache-2.0
#include "tools/culvertctl/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>

#include "tools/culvertctl/nearest.h"

namespace culvert::ctl {
namespace {

constexpr const char* kFooter = R"(
Colours are used on a terminal only, and never when NO_COLOR is set.

Exit codes: 0 all went well; 1 a daemon can't be reached, its answer can't be read, or a check
failed; 2 the command line is wrong; 3 nothing of that name exists.

Examples:
  culvertctl status
  culvertctl check
  culvertctl workloads shop/server
  culvertctl connections --pod shop/client
  culvertctl --node all status
  culvertctl services -o json | jq '.[].vips')";

struct Command {
  const char* name;
  const char* description;
  const char* argument;  // description of NAME, null where there is none
};

constexpr Command kCommands[] = {
    {"check", "Whether all is well on this node or, from elsewhere, in the cluster", nullptr},
    {"status", "How the daemons of this node are, and which pods are enrolled", nullptr},
    {"ready", "Whether this node's agent serves its mesh: its readiness probe", nullptr},
    {"workloads", "The workloads of the mesh", "a name, namespace/name, uid or address"},
    {"services", "The services of the mesh", "a name, namespace/name, hostname or address"},
    {"policies", "The authorization policies in force", "a name or namespace/name"},
    {"certs", "The certificates that ztunnel holds",
     "a service account, namespace/account or identity"},
    {"connections", "The connections that are open now", nullptr},
    {"verdicts", "What the kernel programs decided, and how often", nullptr},
    {"install", "What kubectl and helm would do to install Culvert; --run does it", nullptr},
    {"upgrade", "The same for another version or other values", nullptr},
    {"uninstall", "The same for removing it; every node releases its pods first", nullptr},
    {"ca", "Which CA signs in the cluster, which roots are accepted, and until when", nullptr},
    {"rotate", "What kubectl would do to have another CA succeed it; --run does it", nullptr},
};
constexpr std::string_view kTakesValue[] = {"--run-dir", "-o", "--output", "--node", "--namespace"};
constexpr const char* kInstallCommands[] = {"install", "upgrade", "uninstall"};

void add_commands(CLI::App& app, Options& options) {
  for (const Command& command : kCommands) {
    CLI::App* sub = app.add_subcommand(command.name, command.description);
    sub->callback([&options, name = command.name] { options.command = name; });
    if (command.argument != nullptr) {
      sub->add_option("NAME", options.name, command.argument);
    }
  }
  app.get_subcommand("connections")
      ->add_option("--pod", options.pod, "Only those of this pod (name or namespace/name)");
  CLI::App* verdicts = app.get_subcommand("verdicts");
  verdicts->add_option("--program", options.program, "Only those of this kernel program");
  verdicts->add_flag("--all", options.all, "Also those that never happened");
  CLI::App* check = app.get_subcommand("check");
  CLI::Option* pre =
      check->add_flag("--pre", options.before_installation,
                      "Whether this node, or the cluster, can run Culvert, before it is installed");
  const auto here = [&options](const std::string&) { options.here = true; };
  check
      ->add_option("--cni-conf-dir", options.cni_conf_dir,
                   "Folder of this node's CNI configuration")
      ->needs(pre)
      ->each(here)
      ->capture_default_str();
  check->add_option("--pin-dir", options.pin_dir, "Folder of this node's eBPF pins")
      ->needs(pre)
      ->each(here)
      ->capture_default_str();
}

void add_install_flags(CLI::App& app, InstallOptions& options) {
  for (const char* name : kInstallCommands) {
    CLI::App* sub = app.get_subcommand(name);
    sub->add_flag("--run", options.run, "Do it, and not only say it");
    sub->add_option("--chart", options.chart, "Folder, archive or reference of the chart")
        ->capture_default_str();
    sub->footer("All other flags are given on to helm: --set image.repository=…, --values FILE.");
  }
}

void add_rotate_flags(CLI::App& app, RotateOptions& options) {
  CLI::App* sub = app.get_subcommand("rotate");
  sub->add_flag("--run", options.run, "Do it, and not only say it");
  sub->add_option("--from", options.from,
                  "Folder with ca-cert.pem, ca-key.pem, cert-chain.pem and root-cert.pem of the CA "
                  "that is to sign [the signers make a root]");
}

// The arguments for culvertctl on a node: ours without those that led there.
std::vector<std::string> for_node(const std::vector<std::string>& arguments) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const auto& word = arguments[i];
    if (word == "--node" || word == "--namespace") {
      ++i;
    } else if (!word.starts_with("--node=") && !word.starts_with("--namespace=")) {
      out.push_back(word);
    }
  }
  return out;
}

// Gives the first argument that is neither an option nor the value of one.
std::string first_word(const std::vector<std::string>& arguments) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (std::ranges::find(kTakesValue, arguments[i]) != std::end(kTakesValue)) {
      ++i;
    } else if (!arguments[i].starts_with("-")) {
      return arguments[i];
    }
  }
  return "";
}

std::string usage_error(const std::vector<std::string>& arguments, const CLI::ParseError& error) {
  std::vector<std::string> names;
  for (const Command& command : kCommands) {
    names.emplace_back(command.name);
  }
  const std::string word = first_word(arguments);
  if (word.empty()) {
    return "culvertctl: which command? culvertctl --help lists them\n";
  }
  if (std::ranges::find(names, word) == names.end()) {
    return fmt::format("culvertctl: there is no command \"{}\"{}\n", word,
                       names.empty() || nearest(word, names).empty()
                           ? "; culvertctl --help lists them"
                           : did_you_mean(word, names));
  }
  return fmt::format("culvertctl: {}; culvertctl {} --help says what is possible\n", error.what(),
                     word);
}

}  // namespace

bool is_installing(const Options& options) {
  return std::ranges::find(kInstallCommands, options.command) != std::end(kInstallCommands);
}

bool concerns_cluster(const Options& options) {
  if (options.command != "check") {
    return false;
  }
  if (!options.nodes.node.empty()) {
    return options.nodes.node == kAllNodes && !options.before_installation;
  }
  std::error_code error;
  return !options.here && !std::filesystem::is_directory(options.run_dir, error) &&
         is_there("kubectl");
}

Invocation parse(std::vector<std::string> arguments, std::string run_dir) {
  Options options;
  options.run_dir = std::move(run_dir);
  std::string format = "table";
  CLI::App app("Shows what Culvert does on a node, from the daemons' live state.", "culvertctl");
  app.footer(kFooter);
  app.set_version_flag("--version", "culvertctl " CULVERT_VERSION);
  app.add_option("--run-dir", options.run_dir,
                 "Where the daemons' sockets are (env CULVERT_RUN_DIR)")
      ->each([&options](const std::string&) { options.here = true; })
      ->capture_default_str();
  app.add_option("-o,--output", format, "How to write: table or json")
      ->check(CLI::IsMember({"table", "json"}))
      ->capture_default_str();
  app.add_option("--node", options.nodes.node,
                 "From anywhere: on this node of the cluster, or on \"all\", by kubectl exec");
  app.add_option("--namespace", options.nodes.in_namespace, "Where Culvert is installed")
      ->capture_default_str();
  app.require_subcommand(1);
  app.allow_extras();  // of commands that install; judged below
  app.fallthrough();   // -o and --run-dir may stand behind the command
  add_commands(app, options);
  add_install_flags(app, options.install);
  add_rotate_flags(app, options.rotate);
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());  // as CLI11 wants them
    app.parse(std::move(reversed));
    if (const auto extras = app.remaining(true); !extras.empty() && !is_installing(options)) {
      throw CLI::ExtrasError(extras);
    }
  } catch (const CLI::CallForHelp&) {
    const auto subs = app.get_subcommands();
    return {.options = {}, .text = subs.empty() ? app.help() : subs[0]->help(), .exit = Exit::ok};
  } catch (const CLI::CallForVersion& version) {
    return {.options = {}, .text = std::string(version.what()) + "\n", .exit = Exit::ok};
  } catch (const CLI::ParseError& error) {
    return {.options = {}, .text = usage_error(arguments, error), .exit = Exit::usage};
  }
  options.json = format == "json";
  options.nodes.json = options.json;
  options.for_node = for_node(arguments);
  options.install.command = options.command;
  options.install.in_namespace = options.nodes.in_namespace;
  options.install.helm_flags = app.remaining(true);
  options.rotate.in_namespace = options.nodes.in_namespace;
  return {.options = std::move(options), .text = {}, .exit = Exit::ok};
}

}  // namespace culvert::ctl
