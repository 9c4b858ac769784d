// The topology: one netns `wire` with a bridge; every node and pod has its eth0 on it. The bridge's
// own address is everyone's default gateway and forwards nothing: a service's VIP that the mesh
// does not serve is served by nobody.
// SPDX-License-Identifier: Apache-2.0
#include "tests/support/mesh.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/support/lab_error.h"
#include "tests/support/paths.h"

namespace culvert::lab {

namespace {

constexpr std::string_view kBridge = "br0";
constexpr std::string_view kGateway4 = "10.77.0.1";
constexpr std::string_view kGateway6 = "fd77::1";
constexpr std::size_t kFirstPod = 10;  // the node itself is .1
constexpr std::size_t kNodesMax = 10;
constexpr std::size_t kPodsPerBlock = 250;  // the pod after that gets its address from another /24

void print_left_behind(const std::string& what) {
  fmt::print(stderr, "{}\n", what);
}
void (*tell_left_behind)(const std::string&) = print_left_behind;

// Whether a config_dump shows that this ztunnel can serve: all workloads, all services,
// certificates.
std::string what_is_missing(const std::string& dump, const Node& node, const std::list<Pod>& pods,
                            const std::deque<ServiceSpec>& services);

}  // namespace

void when_left_behind(void (*tell)(const std::string& what)) {
  tell_left_behind = tell;
}

Mesh::Mesh(std::string_view name) : grounds_("cv-" + slug(name)) {
  objects_ = grounds_.folder("objects");
  make_wire();
}

Mesh::~Mesh() {
  if (leave_running_) {
    return;
  }
  pods_.clear();
  nodes_.clear();
  try {
    grounds_.clear();
    for (const std::string& what : grounds_.left_overs()) {
      tell_left_behind(fmt::format("left behind by {}: {}", grounds_.prefix(), what));
    }
  } catch (const std::exception& error) {
    tell_left_behind(fmt::format("taking down {}: {}", grounds_.prefix(), error.what()));
  }
}

void Mesh::make_wire() {
  wire_ = grounds_.add_netns("wire");
  must_run({}, {"ip", "-n", wire_, "-batch", "-"}, 10s,
           fmt::format("link add {0} type bridge forward_delay 0\n"
                       "link set {0} up\n"
                       "address add {1}/16 dev {0}\n"
                       "address add {2}/64 dev {0} nodad\n",
                       kBridge, kGateway4, kGateway6));
}

void Mesh::attach(const std::string& netns, const std::string& ip4, const std::string& ip6) {
  const std::string port = fmt::format("port{}", ports_count_++);
  must_run({}, {"ip", "-n", wire_, "-batch", "-"}, 10s,
           fmt::format("link add {0} type veth peer name eth0 netns {1}\n"
                       "link set {0} master {2}\n"
                       "link set {0} up\n",
                       port, netns, kBridge));
  must_run({}, {"ip", "-n", netns, "-batch", "-"}, 10s,
           fmt::format("address add {0}/16 dev eth0\n"
                       "address add {1}/64 dev eth0 nodad\n"
                       "link set eth0 up\n"
                       "route add default via {2}\n"
                       "route add ::/0 via {3}\n",
                       ip4, ip6, kGateway4, kGateway6));
}

Node& Mesh::node(std::string_view name) {
  for (Node& node : nodes_) {
    if (node.name() == name) {
      return node;
    }
  }
  const std::size_t number = nodes_.size() + 1;
  NodePaths paths;
  paths.netns = grounds_.add_netns(name);
  paths.cgroup = grounds_.add_cgroup(name);
  for (const char* part : {"kubelet", "ztunnel", "agent", "other", "pods"}) {
    grounds_.add_cgroup(fmt::format("{}/{}", name, part));
  }
  paths.folder = grounds_.folder(name);
  paths.run_folder = grounds_.folder(fmt::format("{}/run", name));
  paths.bpffs = grounds_.add_bpffs(fmt::format("{}/bpf", name));
  paths.objects = objects_;
  paths.certificates = grounds_.folder("ca");
  std::filesystem::permissions(paths.certificates, std::filesystem::perms::owner_all);
  const std::string ip4 = fmt::format("10.77.{}.1", number);
  const std::string ip6 = fmt::format("fd77::{}:1", number);
  attach(paths.netns, ip4, ip6);
  return nodes_.emplace_back(std::string(name), ip4, ip6, std::move(paths));
}

Pod& Mesh::pod(std::string_view name) {
  for (Pod& pod : pods_) {
    if (pod.name() == name) {
      return pod;
    }
  }
  throw LabError(fmt::format("the scenario has no pod '{}'", name));
}

Pod& Mesh::pod(std::string_view name, std::string_view on) {
  Node& home = node(on);
  const std::size_t node_number = static_cast<std::size_t>(home.ip4()[6] - '0');
  const std::size_t number = pods_count_++ + kFirstPod;
  PodSpec spec;
  spec.name = name;
  spec.uid = fmt::format("00000000-0000-4000-8000-{:012}", number);
  spec.ip4 = fmt::format("10.77.{}.{}", node_number + kNodesMax * (number / kPodsPerBlock),
                         number % kPodsPerBlock);
  spec.ip6 = fmt::format("fd77::{}:{}", node_number, number);
  const std::string netns = grounds_.add_netns(fmt::format("pod-{}", name));
  attach(netns, spec.ip4, spec.ip6);
  const std::string cgroup = grounds_.add_cgroup(fmt::format("{}/pods/{}", on, name));
  const std::string folder = grounds_.folder(fmt::format("{}/pods/{}", on, name));
  return pods_.emplace_back(std::move(spec), netns, home, cgroup, folder);
}

void Mesh::remove(const Pod& pod) {
  const std::string name = pod.name();
  grounds_.end_cgroup(fmt::format("{}/pods/{}", pod.node().name(), name));
  if (pod.spec().meshed) {
    const std::string error = pod.node().unenrol(pod);
    expect(error.empty(), "pod {} could not be released: {}", name, error);
  }
  must_run({}, {"ip", "netns", "del", pod.netns()});
  withdraw("pod-" + name);
  pods_.remove_if([&](const Pod& other) { return &other == &pod; });
}

ServiceSpec& Mesh::service(std::string_view name, std::vector<const Pod*> backends,
                           int target_port) {
  const std::size_t number = services_.size() + 10;
  return services_.emplace_back(ServiceSpec{.name = std::string(name),
                                            .vip4 = fmt::format("10.96.0.{}", number),
                                            .vip6 = fmt::format("fd96::{}", number),
                                            .target_port = target_port,
                                            .backends = std::move(backends)});
}

ServiceSpec& Mesh::service(std::string_view name) {
  for (ServiceSpec& service : services_) {
    if (service.name == name) {
      return service;
    }
  }
  throw LabError(fmt::format("the scenario has no service '{}'", name));
}

void Mesh::start() {
  write_objects();
  start_daemons();
  enrol_pods();
  for (Node& node : nodes_) {
    node.wait_ready();
  }
  wait_known();
}

void Mesh::write_objects() {
  apply("namespace", namespace_yaml());
  for (const Pod& pod : pods_) {
    apply("pod-" + pod.name(), pod_yaml(pod));
  }
  for (const ServiceSpec& service : services_) {
    apply("service-" + service.name, service_yaml(service));
  }
}

void Mesh::start_daemons() {
  for (Node& node : nodes_) {
    node.start_agent();
  }
  for (Node& node : nodes_) {
    node.start_ztunnel();
  }
}

void Mesh::enrol_pods() {
  for (const Pod& pod : pods_) {
    if (pod.spec().meshed) {
      pod.node().enrol(pod);
    }
  }
}

void Mesh::wait_known(Milliseconds limit) {
  for (const Node& node : nodes_) {
    std::string missing;
    const bool known = eventually(limit, [&] {
      missing = what_is_missing(node.ask_ztunnel("/config_dump"), node, pods_, services_);
      return missing.empty();
    });
    expect(known, "ztunnel of {} does not know {} after {} ms; the logs:\n{}", node.name(), missing,
           limit.count(), Later{[this] { return logs(); }});
  }
}

void Mesh::apply(std::string_view name, std::string_view yaml) {
  write_file(fmt::format("{}/{}.yaml", objects_, name), yaml);
}

void Mesh::withdraw(std::string_view name) {
  expect(std::filesystem::remove(fmt::format("{}/{}.yaml", objects_, name)),
         "{}.yaml was never applied", name);
}

void Mesh::leave_running() {
  leave_running_ = true;
  for (Pod& pod : pods_) {
    pod.leave_running();
  }
  for (Node& node : nodes_) {
    node.leave_running();
  }
}

Capture Mesh::capture(std::string_view name) {
  return {wire_, kBridge, fmt::format("{}/{}.pcap", grounds_.folder(), name)};
}

std::string Mesh::logs() const {
  std::string text;
  for (const Node& node : nodes_) {
    text += fmt::format("--- agent of {}\n{}--- ztunnel of {}\n{}", node.name(), node.agent_log(),
                        node.name(), node.ztunnel_log());
  }
  return text;
}

namespace {

std::string what_is_missing(const std::string& dump, const Node& node, const std::list<Pod>& pods,
                            const std::deque<ServiceSpec>& services) {
  const auto state = nlohmann::json::parse(dump, nullptr, false);
  if (!state.is_object()) {
    return "anything (no answer on its admin socket)";
  }
  const auto lists = [&](const char* list, const char* key, std::string_view name) {
    for (const auto& entry : state.value(list, nlohmann::json::array())) {
      if (entry.value(key, "") == name) {
        return true;
      }
    }
    return false;
  };
  for (const Pod& pod : pods) {
    if (!lists("workloads", "name", pod.name())) {
      return "the workload " + pod.name();
    }
    if (pod.spec().meshed && &pod.node() == &node) {
      bool certified = false;
      for (const auto& entry : state.value("certificates", nlohmann::json::array())) {
        certified |= entry.value("identity", "") == pod.identity() &&
                     entry.value("state", "") == "Available";
      }
      if (!certified) {
        return "a certificate for " + pod.identity();
      }
    }
  }
  for (const ServiceSpec& service : services) {
    if (!lists("services", "name", service.name)) {
      return "the service " + service.name;
    }
  }
  return "";
}

}  // namespace

}  // namespace culvert::lab
