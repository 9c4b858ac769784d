// A cluster of some size before one agent: how long until a change is in the mesh, what the agent
// keeps of it in memory, and how much it is sent. The figures are printed; those of a release build
// stand in README.md.
// SPDX-License-Identifier: Apache-2.0
#include <charconv>

#include "tests/kube/cluster.h"

namespace culvert::lab {

namespace {

using Json = nlohmann::json;

constexpr int kNamespaces = 20;
constexpr int kServicesEach = 10;
constexpr int kPodsEach = 100;
constexpr int kPods = kNamespaces * kPodsEach;
constexpr int kServices = kNamespaces * kServicesEach;
// Requests at once: what keeps a kube-apiserver of one core busy.
constexpr int kAtOnce = 16;
constexpr auto kWriteAll = 300s;
constexpr auto kAllKnown = 180s;
// Bounds for the tests' build, whose sanitizers take several times the memory and the time.
constexpr auto kConvergedWithin = 120s;
constexpr std::size_t kResidentKiBMax = 800 * 1024;
constexpr std::size_t kReceivedBytesMax = std::size_t{kPods} * 16 * 1024;

// Batch is many requests to the API server, sent by one curl.
class Batch {
 public:
  explicit Batch(const Cluster& cluster) : cluster_(cluster) {}

  void add(std::string_view method, std::string_view path, const Json& body) {
    std::string data = body.dump();
    for (std::size_t at = 0; (at = data.find_first_of("\\\"", at)) != data.npos; at += 2) {
      data.insert(at, 1, '\\');
    }
    text_ += fmt::format(
        "{}url = \"{}{}\"\nrequest = {}\nheader = \"content-type: application/{}json\"\n"
        "data = \"{}\"\ncacert = {}\ncert = {}\nkey = {}\noutput = /dev/null\n"
        "write-out = \"%{{http_code}}\\n\"\n",
        text_.empty() ? "" : "next\n", cluster_.api.url(), path, method,
        method == "PATCH" ? "merge-patch+" : "", data, cluster_.api.pki().authority(),
        cluster_.api.pki().certificate("user-admin"), cluster_.api.pki().key("user-admin"));
    ++count_;
  }

  void send() const {
    const Outcome outcome =
        run({cluster_.node.paths().netns, {}},
            {"curl", "-sS", "--parallel", "--parallel-max", std::to_string(kAtOnce), "-K", "-"},
            kWriteAll, text_);
    const std::string codes = "\n" + outcome.out;
    int done = 0;
    for (std::size_t at = 0; (at = codes.find("\n2", at)) != codes.npos; ++at) {
      ++done;
    }
    expect(done == count_, "{} of {} requests were answered well: {}{}", done, count_, outcome.err,
           outcome.out.substr(0, 200));
  }

 private:
  const Cluster& cluster_;
  std::string text_;
  int count_ = 0;
};

std::string namespace_of(int pod) {
  return fmt::format("ns-{}", pod / kPodsEach);
}
std::string ip_of(int pod) {
  return fmt::format("10.{}.{}.{}", 80 + pod / 250 / 250, pod / 250 % 250, 1 + pod % 250);
}

Json named(std::string_view name) {
  return {{"metadata", {{"name", name}}}};
}

// Of the size that a Deployment's pod has: a container with its environment, probes, a volume.
Json pod_of(int number) {
  Json environment = Json::array();
  for (int i = 0; i < 10; ++i) {
    environment.push_back(
        {{"name", fmt::format("SETTING_{}", i)}, {"value", "a value of some size"}});
  }
  const Json container = {{"name", "main"},
                          {"image", "registry.example/shop/main:1.2.3"},
                          {"env", environment},
                          {"ports", Json::array({Json{{"name", "http"}, {"containerPort", 8080}}})},
                          {"readinessProbe", {{"httpGet", {{"path", "/ready"}, {"port", "http"}}}}},
                          {"livenessProbe", {{"httpGet", {{"path", "/live"}, {"port", "http"}}}}}};
  auto pod = named(fmt::format("pod-{}", number));
  pod["metadata"]["labels"] = {{"app", fmt::format("app-{}", number / 10)},
                               {"pod-template-hash", "5d8f6b7c4d"},
                               {"version", "v1"}};
  pod["spec"] = {{"nodeName", fmt::format("node-{}", number % 50)},
                 {"containers", Json::array({container})}};
  return pod;
}

Json status_of(int number) {
  Json conditions = Json::array();
  for (const char* type : {"Initialized", "ContainersReady", "PodScheduled", "Ready"}) {
    conditions.push_back(
        {{"type", type}, {"status", "True"}, {"lastTransitionTime", "2026-11-25T12:00:00Z"}});
  }
  return {{"status",
           {{"phase", "Running"},
            {"podIP", ip_of(number)},
            {"podIPs", Json::array({Json{{"ip", ip_of(number)}}})},
            {"conditions", conditions}}}};
}

Json slice_of(int service) {
  Json endpoints = Json::array();
  for (int pod = service * 10; pod < service * 10 + 10; ++pod) {
    endpoints.push_back({{"addresses", Json::array({ip_of(pod)})},
                         {"conditions", {{"ready", true}}},
                         {"targetRef", {{"kind", "Pod"}, {"name", fmt::format("pod-{}", pod)}}}});
  }
  auto slice = named(fmt::format("service-{}", service));
  slice["metadata"]["labels"] = {
      {"kubernetes.io/service-name", fmt::format("service-{}", service)}};
  slice["addressType"] = "IPv4";
  slice["ports"] = Json::array({Json{{"name", "http"}, {"port", 8080}}});
  slice["endpoints"] = std::move(endpoints);
  return slice;
}

void create_namespaces(const Cluster& cluster) {
  Batch spaces(cluster);
  Batch accounts(cluster);
  for (int i = 0; i < kNamespaces; ++i) {
    auto space = named(fmt::format("ns-{}", i));
    space["metadata"]["labels"] = {{"istio.io/dataplane-mode", "ambient"}};
    spaces.add("POST", "/api/v1/namespaces", space);
    accounts.add("POST", fmt::format("/api/v1/namespaces/ns-{}/serviceaccounts", i),
                 named("default"));
  }
  spaces.send();
  accounts.send();
}

void create_services(const Cluster& cluster) {
  const Json port = {{"name", "http"}, {"port", 80}, {"targetPort", "http"}};
  Batch batch(cluster);
  for (int i = 0; i < kServices; ++i) {
    const auto ns = namespace_of(i * 10);
    auto service = named(fmt::format("service-{}", i));
    service["spec"] = {{"selector", {{"app", fmt::format("app-{}", i)}}},
                       {"ports", Json::array({port})}};
    batch.add("POST", fmt::format("/api/v1/namespaces/{}/services", ns), service);
    batch.add("POST", fmt::format("/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices", ns),
              slice_of(i));
  }
  batch.send();
}

void create_pods(const Cluster& cluster) {
  Batch pods(cluster);
  Batch states(cluster);
  for (int i = 0; i < kPods; ++i) {
    const auto path = fmt::format("/api/v1/namespaces/{}/pods", namespace_of(i));
    pods.add("POST", path, pod_of(i));
    states.add("PATCH", fmt::format("{}/pod-{}/status", path, i), status_of(i));
  }
  pods.send();
  states.send();
}

std::size_t number_after(std::string_view text, std::string_view word) {
  const auto digits = text.find_first_of("0123456789", text.find(word));
  std::size_t number = 0;
  if (digits != text.npos) {
    std::from_chars(text.data() + digits, text.data() + text.size(), number);
  }
  return number;
}

// What the agent holds in memory, in KiB.
std::size_t resident(Cluster& cluster) {
  return number_after(read_file(fmt::format("/proc/{}/status", cluster.node.agent().pid())),
                      "VmRSS:");
}

// What the agent was sent by the API server on its present connection, in bytes of TLS.
std::size_t received(Cluster& cluster) {
  const auto sockets = must_run({cluster.node.paths().netns, {}},
                                {"ss", "-HOtnip", "state", "established", "dport", "=", ":6443"});
  const auto of_agent = sockets.find(fmt::format("pid={},", cluster.node.agent().pid()));
  return of_agent == sockets.npos
             ? 0
             : number_after(std::string_view(sockets).substr(of_agent), "bytes_received:");
}

double seconds_since(std::chrono::steady_clock::time_point begun) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
}

}  // namespace

TEST_CASE(
    "2,000 pods and 200 services reach the mesh as they are created, and a new agent at once") {
  Cluster cluster("kube scale");
  cluster.api.install_crds();
  cluster.start_agent();
  cluster.node.start_ztunnel();
  REQUIRE(eventually(30s, [&] { return cluster.complete(); }));
  const int before = cluster.status().value("addresses", 0);
  const auto empty = resident(cluster);
  const auto sent_before = received(cluster);
  const auto all_known = [&] {
    return cluster.status().value("addresses", 0) == before + kPods + kServices;
  };

  create_namespaces(cluster);
  create_services(cluster);
  auto begun = std::chrono::steady_clock::now();
  create_pods(cluster);
  const double writing = seconds_since(begun);
  begun = std::chrono::steady_clock::now();
  CHECK(eventually(kAllKnown, all_known));
  CHECK(eventually(kAllKnown, [&] {
    return cluster.knows("workloads", fmt::format("pod-{}", kPods - 1)) &&
           cluster.knows("workloads", "pod-0");
  }));
  const double converged = seconds_since(begun);
  const auto full = resident(cluster);
  const auto sent = received(cluster) - sent_before;

  begun = std::chrono::steady_clock::now();
  cluster.start_agent();
  CHECK(eventually(kAllKnown, all_known));
  const double started = seconds_since(begun);
  const auto listed = received(cluster);

  MESSAGE(fmt::format(
      "{} pods with {} services, {} requests in {:.1f} s: in the mesh {:.2f} s after the last; the "
      "agent's memory {} KiB, {} KiB before; sent by watches {} bytes, {} a pod; a new agent: "
      "after {:.2f} s, {} bytes listed, {} KiB",
      kPods, kServices, 2 * kPods, writing, converged, full, empty, sent, sent / kPods, started,
      listed, resident(cluster)));
  CHECK(converged < std::chrono::duration<double>(kConvergedWithin).count());
  CHECK(full < kResidentKiBMax);
  CHECK(sent < kReceivedBytesMax);
  CHECK(listed < kReceivedBytesMax);
}

}  // namespace culvert::lab
