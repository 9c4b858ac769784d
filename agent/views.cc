// SPDX-License-Identifier: Apache-2.0
#include "agent/views.h"

#include <nlohmann/json.hpp>

namespace culvert::agent {

namespace {

using nlohmann::json;
using nlohmann::ordered_json;

// Names from objects of others may be no UTF-8.
template <class Json>
std::string text_of(const Json& value) {
  return value.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

void add(std::vector<ErrorView>& all, std::string_view part,
         const std::vector<mesh::Problem>& problems) {
  for (const auto& problem : problems) {
    all.push_back({.part = part, .problem = problem});
  }
}

void add(std::vector<ErrorView>& all, std::string_view part,
         const std::vector<std::string>& sentences) {
  for (const auto& sentence : sentences) {
    if (!sentence.empty()) {
      all.push_back({.part = part, .problem = {.file = "", .object = "", .sentence = sentence}});
    }
  }
}

std::string to_json(const Status& status) {
  return text_of(ordered_json{{"version", status.version},
                              {"node", status.node},
                              {"uptimeSeconds", status.uptime.count()},
                              {"ioBackend", status.io_backend},
                              {"ioReason", status.io_reason},
                              {"source", status.source},
                              {"complete", status.complete},
                              {"probeCgroup", status.probe_cgroup},
                              {"cniConfDir", status.cni_conf_dir},
                              {"addresses", status.workloads_and_services},
                              {"policies", status.policies},
                              {"errors", status.problems},
                              {"xdsClients", status.xds_clients},
                              {"ztunnels", status.ztunnels},
                              {"pods", status.pods},
                              {"offences", status.offences}});
}

std::string to_json(const std::vector<enrol::PodView>& pods) {
  json list = json::array();
  for (const auto& view : pods) {
    json ips = json::array();
    for (const auto& ip : view.pod.ips) {
      ips.push_back(to_string(ip));
    }
    list.push_back({{"uid", view.pod.uid},
                    {"namespace", view.pod.ns},
                    {"name", view.pod.name},
                    {"serviceAccount", view.pod.service_account},
                    {"ips", std::move(ips)},
                    {"netnsInode", view.netns_inode},
                    {"state", view.state}});
  }
  return text_of(list);
}

std::string to_json(const std::vector<datapath::VerdictCount>& verdicts) {
  json list = json::array();
  for (const auto& verdict : verdicts) {
    list.push_back({{"program", verdict.program},
                    {"verdict", verdict.verdict},
                    {"effect", verdict.effect},
                    {"count", verdict.count}});
  }
  return text_of(list);
}

std::string to_json(const std::vector<ErrorView>& errors) {
  json list = json::array();
  for (const auto& [part, problem] : errors) {
    list.push_back({{"part", part},
                    {"file", problem.file},
                    {"object", problem.object},
                    {"error", problem.sentence}});
  }
  return text_of(list);
}

}  // namespace culvert::agent
