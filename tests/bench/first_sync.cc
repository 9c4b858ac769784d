// Measures the Kubernetes client against a real kube-apiserver and etcd with as many pods as a
// large cluster has: how long until all are known, and what memory that takes, with a consumer that
// keeps nothing and with the agent's object store. Prints one line per figure; asserts no timing.
//
//   first_sync [PODS]     50,000 unless told otherwise; making them takes minutes
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>

#include "agent/kube/reflector.h"
#include "agent/mesh/object_store.h"
#include "tests/support/api_server.h"
#include "tests/support/lab_error.h"
#include "ztunnel/lib/io/scope.h"

namespace culvert {
namespace {

using nlohmann::json;
using Seconds = std::chrono::duration<double>;

constexpr int kPods = 50'000;
constexpr int kNamespaces = 50;
constexpr int kWriters = 32;  // requests at once
constexpr std::size_t kFillerBytes = 1500;

const kube::Resource kPod{.api_version = "v1", .kind = "Pod", .plural = "pods"};

// What a Deployment's pod has, and as large as one: about 5 kB as JSON when the server gives it.
json pod(int number) {
  json container = {{"name", "app"},
                    {"image", "registry.example/shop/cart:1.2.3"},
                    {"env", json::array()},
                    {"ports", {{{"name", "http"}, {"containerPort", 8080}}}},
                    {"resources", {{"requests", {{"cpu", "100m"}, {"memory", "128Mi"}}}}},
                    {"livenessProbe", {{"httpGet", {{"path", "/live"}, {"port", 8080}}}}},
                    {"readinessProbe", {{"httpGet", {{"path", "/ready"}, {"port", 8080}}}}}};
  for (int i = 0; i < 10; ++i) {
    container["env"].push_back({{"name", fmt::format("SETTING_{}", i)}, {"value", "some value"}});
  }
  json made;
  made["metadata"] = {
      {"name", fmt::format("cart-7d9c5b8f6d-{:05}", number)},
      {"labels", {{"app", "cart"}, {"version", "v1"}, {"pod-template-hash", "7d9c5b8f6d"}}},
      {"annotations", {{"example.com/filler", std::string(kFillerBytes, 'x')}}}};
  made["spec"] = {{"nodeName", fmt::format("node-{}", number % 500)},
                  {"serviceAccountName", "cart"},
                  {"automountServiceAccountToken", false},
                  {"containers", {container}}};
  return made;
}

std::string ns_of(int number) {
  return fmt::format("shop-{}", number % kNamespaces);
}

io::Task<> write_pods(kube::Client& client, int first, int count) {
  for (int i = first; i < count; i += kWriters) {
    (void)co_await client.call(
        {.verb = kube::Verb::create, .path = collection_path(kPod, ns_of(i)), .body = pod(i)});
  }
}

io::Task<> write_all(io::Loop& loop, kube::Client& client, int count) {
  for (int i = 0; i < kNamespaces; ++i) {
    json ns;
    ns["metadata"]["name"] = ns_of(i);
    (void)co_await client.call(
        {.verb = kube::Verb::create, .path = "/api/v1/namespaces", .body = ns});
    json account;
    account["metadata"]["name"] = "cart";
    (void)co_await client.call({.verb = kube::Verb::create,
                                .path = "/api/v1/namespaces/" + ns_of(i) + "/serviceaccounts",
                                .body = account});
  }
  io::Scope writers(loop);
  for (int i = 0; i < kWriters; ++i) {
    writers.spawn(write_pods(client, i, count));
  }
  co_await writers.join();
}

// with_client runs `body` beside a client of the server.
template <class Body>
Result<> with_client(const kube::Config& config, Body body) {
  const auto loop = std::move(*io::make_loop(io::Backend::automatic));
  Rng rng(1);
  kube::Client client(*loop, rng, config);
  return io::block_on(*loop, [](io::Loop& on, kube::Client& with, Body run) -> io::Task<> {
    io::Scope scope(on, io::Scope::OnFailure::ignore);
    scope.spawn(with.run());
    auto result = co_await io::as_result(run(on, with));
    scope.cancel();
    (void)co_await io::as_result(scope.join());
    co_await std::move(result);
  }(*loop, client, std::move(body)));
}

// In a process of its own, so that its memory is not in our figures.
void fill(const kube::Config& config, int count) {
  const pid_t child = ::fork();
  if (child == 0) {
    const auto written = with_client(config, [count](io::Loop& loop, kube::Client& client) {
      return write_all(loop, client, count);
    });
    if (!written) {
      fmt::print(stderr, "{}\n", to_string(written.error()));
    }
    ::_exit(written ? 0 : 1);
  }
  int status = 0;
  lab::expect(::waitpid(child, &status, 0) == child && status == 0, "the pods could not be made");
}

// A line of /proc/self/status, in MiB.
double megabytes(std::string_view field) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(field)) {
      return std::stod(line.substr(field.size() + 1)) / 1024;
    }
  }
  return 0;
}

io::Task<> until_synced(io::Loop& loop, kube::Client& client, kube::Consumer consumer) {
  Rng rng(1);
  kube::Reflector reflector(loop, rng, client, {.resource = kPod}, std::move(consumer));
  io::Scope scope(loop, io::Scope::OnFailure::ignore);
  scope.spawn(reflector.run());
  while (!reflector.status().fresh) {
    co_await loop.sleep(std::chrono::milliseconds(10));
  }
  scope.cancel();
  (void)co_await io::as_result(scope.join());
}

// measure prints what one first sync takes. The peak is this process's so far.
void measure(std::string_view name, const kube::Config& config, kube::Consumer consumer,
             const int& items) {
  ::malloc_trim(0);
  const double before = megabytes("VmRSS:");
  std::ofstream("/proc/self/clear_refs") << "5";  // VmHWM begins anew
  const auto began = std::chrono::steady_clock::now();
  const auto cpu_began = std::clock();
  const auto synced = with_client(
      config, [consumer = std::move(consumer)](io::Loop& loop, kube::Client& client) mutable {
        return until_synced(loop, client, std::move(consumer));
      });
  lab::expect(synced.has_value(), "{}", synced ? "" : to_string(synced.error()));
  const Seconds took = std::chrono::steady_clock::now() - began;
  fmt::print(
      "{}: {} pods in {:.2f} s ({:.2f} s of CPU); resident {:.1f} MiB, peak {:.1f} MiB, before "
      "{:.1f} MiB\n",
      name, items, took.count(), double(std::clock() - cpu_began) / CLOCKS_PER_SEC,
      megabytes("VmRSS:"), megabytes("VmHWM:"), before);
}

int run(int count) {
  const lab::ApiServer api;
  const auto config = kube::read_kubeconfig(api.kubeconfig());
  lab::expect(config.has_value(), "the kubeconfig can't be read");
  const auto began = std::chrono::steady_clock::now();
  fill(*config, count);
  fmt::print("made {} pods in {:.0f} s\n", count,
             Seconds(std::chrono::steady_clock::now() - began).count());
  const json one =
      json::parse(api.must_kubectl({"get", "--raw", "/api/v1/pods?limit=1"}))["items"][0];
  fmt::print("one is {} bytes of JSON\n", one.dump().size());

  for (int i = 0; i < 2; ++i) {
    int items = 0;
    measure("counted", *config,
            {.on_replace_begin = [&items] { items = 0; },
             .on_replace_item = [&items](const json&) { ++items; },
             .on_replace_end = [] {},
             .on_changed = [](const json&) {},
             .on_deleted = [](const json&) {}},
            items);
  }
  mesh::ObjectStore store;
  const mesh::Kind& kind = *std::ranges::find(mesh::kinds(), "Pod", &mesh::Kind::name);
  int items = 0;
  measure("kept in the object store", *config,
          {.on_replace_begin = [&] { store.begin_list(kind); },
           .on_replace_item =
               [&](const json& object) {
                 store.put(kind, object);
                 ++items;
               },
           .on_replace_end = [&] { store.end_list(kind); },
           .on_changed = [&](const json& object) { store.put(kind, object); },
           .on_deleted = [&](const json& object) { store.remove(kind, object); }},
          items);
  return 0;
}

}  // namespace
}  // namespace culvert

int main(int argc, char** argv) {
  int count = culvert::kPods;
  if (argc > 1) {
    const std::string_view text = argv[1];
    std::from_chars(text.data(), text.data() + text.size(), count);
  }
  try {
    return culvert::run(count);
  } catch (const culvert::lab::LabError& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
