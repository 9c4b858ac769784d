// SPDX-License-Identifier: Apache-2.0
#include "tools/culvertctl/install.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <iterator>

namespace culvert::ctl {
namespace {

constexpr const char* kRelease = "culvert";

Step helm(const char* why, const InstallOptions& options, const Command& words) {
  Step step{.why = why, .command = {"helm"}};
  std::ranges::copy(words, std::back_inserter(step.command));
  std::ranges::copy(options.helm_flags, std::back_inserter(step.command));
  return step;
}

std::vector<Step> plan_install(const InstallOptions& options, const Installed& installed) {
  const auto& name = options.in_namespace;
  std::vector<Step> steps;
  if (!installed.with_namespace) {
    steps.push_back({"the namespace of the daemons", {"kubectl", "create", "namespace", name}});
  }
  steps.push_back(
      {"its pods may be privileged, and are not in the mesh themselves",
       {"kubectl", "label", "--overwrite", "namespace", name,
        "pod-security.kubernetes.io/enforce=privileged", "istio.io/dataplane-mode=none"}});
  steps.push_back(
      helm("all else", options,
           {"upgrade", "--install", kRelease, options.chart, "--namespace", name, "--wait"}));
  return steps;
}

std::vector<Step> plan_uninstall(const InstallOptions& options, const Installed& installed) {
  const auto& name = options.in_namespace;
  if (installed.by_helm) {
    return {helm("every node releases its pods first, by a hook of the chart", options,
                 {"uninstall", kRelease, "--namespace", name, "--wait"}),
            {"what Helm leaves", {"kubectl", "delete", "namespace", name}}};
  }
  const std::string folder = "manifests/kustomize/";
  return {{"every node releases its pods first", {"kubectl", "apply", "-k", folder + "uninstall"}},
          {"",
           {"kubectl", "wait", "--namespace", name, "job/culvert-uninstall",
            "--for=condition=complete", "--timeout=5m"}},
          {"all else", {"kubectl", "delete", "-k", folder + "uninstall"}},
          {"", {"kubectl", "delete", "-k", folder + "base"}}};
}

Result<Installed> look(const InstallOptions& options) {
  const auto& name = options.in_namespace;
  TRY(const auto there, run_quietly({"kubectl", "get", "namespace", name}));
  TRY(const auto release, run_quietly({"helm", "status", kRelease, "--namespace", name}));
  return Installed{.with_namespace = there.exit_code == 0, .by_helm = release.exit_code == 0};
}

}  // namespace

std::vector<Step> plan(const InstallOptions& options, const Installed& installed) {
  return options.command == "uninstall" ? plan_uninstall(options, installed)
                                        : plan_install(options, installed);
}

int install(const InstallOptions& options) {
  const auto installed = look(options);
  Result<> done = installed ? Result<>() : Result<>(fail(installed.error()));
  if (installed) {
    const auto steps = plan(options, *installed);
    if (options.run) {
      done = run_steps(steps);
    } else {
      show_steps(steps, options.command);
    }
  }
  if (!done) {
    std::fprintf(stderr, "culvertctl: %s\n", to_string(done.error()).c_str());
  }
  return done ? 0 : 1;
}

}  // namespace culvert::ctl
