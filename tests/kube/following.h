// Following: a client of a real API server with a reflector of ConfigMaps in one namespace, on a
// loop that runs while a test waits for something and stands still otherwise.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "agent/kube/reflector.h"
#include "tests/support/waiting.h"
#include "ztunnel/lib/io/scope.h"

namespace culvert::lab {

inline const kube::Resource kConfigMap{
    .api_version = "v1", .kind = "ConfigMap", .plural = "configmaps"};

// config_of is the configuration in a kubeconfig that the test has made, and which is good.
kube::Config config_of(const std::string& kubeconfig);

class Following {
 public:
  using Names = std::set<std::string>;

  Following(const kube::Config& config, kube::ReflectorOptions options);
  ~Following();
  Following(const Following&) = delete;
  Following& operator=(const Following&) = delete;

  // eventually runs the loop until `answer` is true; false when `limit` passed first.
  bool eventually(Milliseconds limit, const std::function<bool()>& answer);
  bool eventually_knows(const Names& names) {
    return eventually(30s, [&] { return known == names; });
  }
  // outcome runs the loop until `task` has ended.
  template <class T>
  Result<T> outcome(io::Task<T> task) {
    return io::block_on(*loop_, std::move(task));
  }

  // disconnect ends the connection, and nobody makes another one until connect().
  void disconnect();
  void connect();

  kube::Client& client() { return client_; }
  io::Loop& loop() { return *loop_; }
  const kube::ReflectorStatus& status() const { return reflector_.status(); }

  Names known;    // names of what the consumer was told
  int lists = 0;  // that came to their end

 private:
  kube::Consumer consumer();

  std::unique_ptr<io::Loop> loop_;
  Rng rng_{1};
  kube::Client client_;
  Names listed_;
  kube::Reflector reflector_;
  std::unique_ptr<io::Scope> connection_;
  io::Scope scope_;
};

}  // namespace culvert::lab
