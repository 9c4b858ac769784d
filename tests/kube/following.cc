// SPDX-License-Identifier: Apache-2.0
#include "tests/kube/following.h"

#include "tests/support/lab_error.h"

namespace culvert::lab {

kube::Config config_of(const std::string& kubeconfig) {
  auto config = kube::read_kubeconfig(kubeconfig);
  if (!config) {
    throw LabError(to_string(config.error()));
  }
  return std::move(*config);
}

Following::Following(const kube::Config& config, kube::ReflectorOptions options)
    : loop_(std::move(*io::make_loop(io::Backend::automatic))),
      client_(*loop_, rng_, config),
      reflector_(*loop_, rng_, client_, std::move(options), consumer()),
      scope_(*loop_) {
  connect();
  scope_.spawn(reflector_.run());
}

Following::~Following() {
  scope_.cancel();
  (void)outcome([](io::Scope& scope) -> io::Task<> { co_await scope.join(); }(scope_));
  disconnect();
}

bool Following::eventually(Milliseconds limit, const std::function<bool()>& answer) {
  const auto deadline = io::Clock::now() + limit;
  while (!answer()) {
    if (io::Clock::now() >= deadline) {
      return false;
    }
    (void)outcome([](io::Loop& loop) -> io::Task<> { co_await loop.sleep(kAskAgain); }(*loop_));
  }
  return true;
}

void Following::disconnect() {
  if (connection_ != nullptr) {
    connection_->cancel();
    (void)outcome([](io::Scope& scope) -> io::Task<> { co_await scope.join(); }(*connection_));
    connection_.reset();
  }
}

void Following::connect() {
  connection_ = std::make_unique<io::Scope>(*loop_);
  connection_->spawn(client_.run());
}

kube::Consumer Following::consumer() {
  const auto name = [](const nlohmann::json& object) {
    return object["metadata"]["name"].get<std::string>();
  };
  return {.on_replace_begin = [this] { listed_.clear(); },
          .on_replace_item = [this, name](const auto& object) { listed_.insert(name(object)); },
          .on_replace_end =
              [this] {
                known = listed_;
                ++lists;
              },
          .on_changed = [this, name](const auto& object) { known.insert(name(object)); },
          .on_deleted = [this, name](const auto& object) { known.erase(name(object)); }};
}

}  // namespace culvert::lab
