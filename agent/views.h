// What agent-admin.sock shows, as JSON texts.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "agent/datapath/datapath.h"
#include "agent/enrol/enrolment.h"
#include "agent/mesh/objects.h"

namespace culvert::agent {

struct Status {
  std::string version;
  std::string node;
  std::string io_backend;
  std::string io_reason;  // why it is not io_uring; empty if it is
  std::chrono::seconds uptime{0};
  std::string source;  // what is followed, and what of it is not there
  std::string probe_cgroup;
  std::string cni_conf_dir;  // where culvert-cni is kept; empty: nowhere
  bool complete = false;     // all of the source was read well at least once
  std::size_t workloads_and_services = 0;
  std::size_t policies = 0;
  std::size_t problems = 0;
  std::size_t xds_clients = 0;
  std::vector<std::string> ztunnels;  // "pid 17, synced"
  std::size_t pods = 0;
  // Socket → connections and requests that were refused or broke its protocol, NACKs among them.
  std::map<std::string, std::uint64_t> offences;
};

// ErrorView is one thing that is not as it should be, and the part of the agent's work that it is
// about: "source", "xds", "probes", "cni", "enrolment" or "kernel".
struct ErrorView {
  std::string_view part;
  mesh::Problem problem;
};
// add appends what one part has to tell; an empty sentence is none.
void add(std::vector<ErrorView>& all, std::string_view part,
         const std::vector<mesh::Problem>& problems);
void add(std::vector<ErrorView>& all, std::string_view part,
         const std::vector<std::string>& sentences);

std::string to_json(const Status& status);
std::string to_json(const std::vector<enrol::PodView>& pods);
std::string to_json(const std::vector<datapath::VerdictCount>& verdicts);
std::string to_json(const std::vector<ErrorView>& errors);

}  // namespace culvert::agent
