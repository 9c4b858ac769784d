// The topology that most scenarios share: a client on `east`, a server on `west`, a service before
// it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "tests/support/lab_error.h"
#include "tests/support/mesh.h"
#include "tests/support/paths.h"

namespace culvert::lab {

struct TwoNodes {
  Mesh mesh;
  Node& east;
  Node& west;
  Pod& client;
  Pod& server;
  ServiceSpec& shop;

  explicit TwoNodes(std::string_view name)
      : mesh(name),
        east(mesh.node("east")),
        west(mesh.node("west")),
        client(mesh.pod("client", "east")),
        server(mesh.pod("server", "west")),
        shop(mesh.service("shop", {&server})) {
    server.serving_http().serving_echo();
  }
};

// The JSON that whoami.py answered; an empty object when there was none, so that a check on it
// fails.
inline nlohmann::json answer_of(const Outcome& outcome) {
  INFO("curl: ", outcome.exit_code, " ", outcome.err, outcome.out);
  CHECK(outcome.ok());
  auto answer = nlohmann::json::parse(outcome.out, nullptr, false);
  return answer.is_object() ? answer : nlohmann::json::object();
}

// The number behind a JSON key in the line that culvert-load prints.
inline double number_of(const Outcome& outcome, const char* key) {
  INFO("culvert-load: ", outcome.exit_code, " ", outcome.err, outcome.out);
  const auto line = nlohmann::json::parse(outcome.out, nullptr, false);
  REQUIRE(line.is_object());
  return line.value(key, -1.0);
}

// Whether some line of a log holds all of these words.
inline bool has_line(const std::string& log, std::initializer_list<std::string> words) {
  std::size_t start = 0;
  while (start < log.size()) {
    const std::size_t end = std::min(log.find('\n', start), log.size());
    const std::string_view line = std::string_view(log).substr(start, end - start);
    if (std::ranges::all_of(
            words, [&](const std::string& word) { return line.find(word) != line.npos; })) {
      return true;
    }
    start = end + 1;
  }
  return false;
}

}  // namespace culvert::lab
