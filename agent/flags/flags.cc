// SPDX-License-Identifier: Apache-2.0
#include "agent/flags/flags.h"

#include <cstdint>
#include <cstdlib>
#include <map>
#include <sstream>

namespace culvert::flags {

namespace {

// Seconds. Shorter ones would be renewed all the time; longer ones outlive what nobody can revoke.
constexpr std::int64_t kCertificateLifetimeMin = 60;
constexpr std::int64_t kCertificateLifetimeMax = 24 * 3600;

}  // namespace

CLI::Option* add_time(CLI::App& app, const char* name, std::chrono::seconds& value,
                      const char* meaning, const char* default_text) {
  return app.add_option(name, value, meaning)
      ->transform(CLI::AsNumberWithUnit(
          std::map<std::string, std::int64_t>{{"s", 1}, {"m", 60}, {"h", 3600}},
          CLI::AsNumberWithUnit::CASE_SENSITIVE, "TIME"))
      ->type_name("TIME")
      ->default_str(default_text);
}

std::string is_certificate_lifetime(const std::string& seconds) {
  const std::int64_t value = std::atoll(seconds.c_str());
  return value >= kCertificateLifetimeMin && value <= kCertificateLifetimeMax
             ? ""
             : "a certificate lives for 1m to 24h, and not for " + seconds + "s";
}

std::optional<EarlyExit> parse(CLI::App& app, int argc, const char* const* argv) {
  try {  // CLI11 reports by exceptions; they end here
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::ostringstream out;
    std::ostringstream problem;
    const int status = app.exit(error, out, problem);
    return EarlyExit{.status = status == 0 ? 0 : 2, .text = out.str() + problem.str()};
  }
  return std::nullopt;
}

}  // namespace culvert::flags
