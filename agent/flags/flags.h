// The flags that culvert-agent and culvert-signer read in the same way, with CLI11.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <chrono>
#include <optional>
#include <string>

#include "agent/flags/early_exit.h"

namespace culvert::flags {

// One row a flag that takes a text.
template <class Config>
struct TextFlag {
  const char* name;
  std::string Config::* value;
  const char* meaning;
};

template <class Config, std::size_t count>
void add_texts(CLI::App& app, const TextFlag<Config> (&rows)[count], Config& config) {
  for (const auto& row : rows) {
    app.add_option(row.name, config.*row.value, row.meaning)->capture_default_str();
  }
}

// add_time adds a flag that takes a number with s, m or h.
CLI::Option* add_time(CLI::App& app, const char* name, std::chrono::seconds& value,
                      const char* meaning, const char* default_text);

// is_certificate_lifetime, a check for CLI11, gives the empty text, or what is wrong with `seconds`
// as the life of a certificate.
std::string is_certificate_lifetime(const std::string& seconds);

// parse gives nothing when all flags could be read.
std::optional<EarlyExit> parse(CLI::App& app, int argc, const char* const* argv);

}  // namespace culvert::flags
