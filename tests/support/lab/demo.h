// The demo: one mesh of two nodes, and every promise of the README checked on it, one line each.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "tests/support/mesh.h"

namespace culvert::lab {

inline constexpr std::string_view kDemoName = "demo";

class Demo {
 public:
  Demo();

  // run_all takes every step; false when one failed, whose sentence and logs are shown then.
  bool run_all();
  // measure prints requests a second and gigabits a second on the same topology.
  bool measure();
  // keep lets everything run on after this process, and prints how to look around.
  void keep();

 private:
  // step shows one line; `check` gives words for it, or throws what is wrong.
  bool step(std::string_view promise, const std::function<std::string()>& check);

  std::string bring_up();
  std::string call_by_ip(bool six);
  std::string call_by_vip(bool six);
  std::string wire_is_sealed();
  std::string control_is_seen();
  std::string log_names_both();
  std::string deny_cuts();
  std::string deny_lets_nothing_through();
  std::string healing();
  std::string kubelet_passes(bool six);
  std::string others_do_not(bool six);
  std::string call(const std::string& url, const std::string& path, const std::string& own_address);

  bool color_;
  int number_ = 0;
  Mesh mesh_;
  Pod& client_;
  Pod& server_;
  Pod& outsider_;
  ServiceSpec& service_;
};

}  // namespace culvert::lab
