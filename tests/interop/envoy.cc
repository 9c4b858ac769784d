// SPDX-License-Identifier: Apache-2.0
#include "tests/interop/envoy.h"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>

#include "tests/support/lab_error.h"

namespace culvert::lab {

namespace {

constexpr std::string_view kVersion = "1.40.0";  // as in tools/setup

std::string admin_url(std::string_view path) {
  return fmt::format("http://127.0.0.1:{}{}", kEnvoyAdminPort, path);
}

Process& start_envoy(Pod& pod, const std::string& config, std::string_view name) {
  const std::string program = envoy_program();
  expect(!program.empty(), "Envoy is not installed; tools/setup does it");
  const std::string file = fmt::format("{}/{}.yaml", pod.folder(), name);
  write_file(file, config);
  return pod.start({program, "--config-path", file, "--concurrency", "1", "--disable-hot-restart",
                    "--service-node", pod.name(), "--service-cluster", "demo", "--log-level",
                    std::getenv("ENVOY_LOG") ? "debug" : "warning", "--drain-time-s", "2"},
                   name);
}

}  // namespace

std::string envoy_program() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  const std::string root =
      cache != nullptr ? cache : fmt::format("{}/.cache", home != nullptr ? home : "");
  const std::string path = fmt::format("{}/culvert/envoy-{}/envoy", root, kVersion);
  return std::filesystem::exists(path) ? path : "";
}

Envoy::Envoy(Pod& pod, const std::string& config, std::string_view name)
    : pod_(pod), name_(name), process_(start_envoy(pod, config, name)) {
  const bool live = eventually(20s, [&] {
    expect(process_.alive(), "Envoy in pod {} ended early; its log says:\n{}", pod_.name(), log());
    return pod_.run({"curl", "-sf", "--max-time", "2", admin_url("/ready")}).ok();
  });
  expect(live, "Envoy in pod {} is not live after 20 s; its log says:\n{}", pod_.name(), log());
}

long Envoy::stat(const std::string& name) const {
  const std::string line = stats("^" + name + "$");
  const std::size_t colon = line.find(": ");
  return colon == std::string::npos ? -1 : std::atol(line.c_str() + colon + 2);
}

std::string Envoy::stats(const std::string& words) const {
  return pod_
      .run({"curl", "-sf", "--max-time", "5", "--get", "--data-urlencode", "filter=" + words,
            admin_url("/stats")})
      .out;
}

void Envoy::post(const std::string& path) const {
  const Outcome outcome =
      pod_.run({"curl", "-sf", "--max-time", "5", "-X", "POST", admin_url(path)});
  expect(outcome.ok(), "Envoy in pod {} refused POST {}: {}", pod_.name(), path, outcome.err);
}

std::string Envoy::log() const {
  return pod_.log(name_);
}

}  // namespace culvert::lab
