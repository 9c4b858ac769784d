// SPDX-License-Identifier: Apache-2.0
#include "agent/enrol/records.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "agent/cni/files.h"

namespace culvert::enrol {

namespace {

using nlohmann::json;

std::string boot_id();
// What is absent or of another type reads as empty.
std::string text_of(const json& object, const char* key);

}  // namespace

Result<std::vector<Record>> read_records(const std::string& path) {
  if (!std::filesystem::exists(path)) {
    return std::vector<Record>{};
  }
  std::ifstream file(path);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  const json root = json::parse(text, nullptr, false);
  if (!root.is_object() || !root.contains("pods") || !root["pods"].is_array()) {
    return fail(Errc::config,
                fmt::format("{} can't be read as the list of enrolled pods: remove it and restart "
                            "the pods that it named",
                            path));
  }
  std::vector<Record> records;
  if (text_of(root, "boot_id") != boot_id()) {
    return records;  // cookies start afresh with each boot
  }
  for (const auto& entry : root["pods"]) {
    if (!entry.is_object() || !entry.contains("netns_cookie") ||
        !entry["netns_cookie"].is_number_unsigned()) {
      continue;
    }
    records.push_back({.netns_cookie = entry["netns_cookie"].get<std::uint64_t>(),
                       .pod = {.uid = text_of(entry, "uid"),
                               .ns = text_of(entry, "namespace"),
                               .name = text_of(entry, "name"),
                               .service_account = text_of(entry, "service_account"),
                               .trust_domain = text_of(entry, "trust_domain"),
                               .ips = {}}});
  }
  return records;
}

Result<> write_records(const std::string& path, const std::vector<Record>& records) {
  json pods = json::array();
  for (const auto& record : records) {
    pods.push_back({{"netns_cookie", record.netns_cookie},
                    {"uid", record.pod.uid},
                    {"namespace", record.pod.ns},
                    {"name", record.pod.name},
                    {"service_account", record.pod.service_account},
                    {"trust_domain", record.pod.trust_domain}});
  }
  const json root = {{"boot_id", boot_id()}, {"pods", std::move(pods)}};
  const std::string text = root.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
  if (auto written = cni::replace_file(path, text, {.mode = 0600}); !written) {
    return fail(prefixed("the list of enrolled pods", std::move(written).error()));
  }
  return {};
}

namespace {

std::string boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  file >> id;
  return id;
}

std::string text_of(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

}  // namespace culvert::enrol
