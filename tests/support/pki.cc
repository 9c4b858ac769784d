// SPDX-License-Identifier: Apache-2.0
#include "tests/support/pki.h"

#include <fmt/format.h>

#include <filesystem>

#include "tests/support/process.h"

namespace culvert::lab {

namespace {

// A self-signed certificate with a new key; `more` makes it one of an authority.
void request(const std::string& certificate, const std::string& key, std::string_view subject,
             const Command& more) {
  Command command{"openssl",
                  "req",
                  "-x509",
                  "-newkey",
                  "ec",
                  "-pkeyopt",
                  "ec_paramgen_curve:prime256v1",
                  "-nodes",
                  "-days",
                  "2",
                  "-subj",
                  std::string(subject),
                  "-out",
                  certificate,
                  "-keyout",
                  key};
  command.insert(command.end(), more.begin(), more.end());
  must_run({}, command);
}

}  // namespace

Pki::Pki(std::string folder) : folder_(std::move(folder)) {
  std::filesystem::create_directories(folder_);
  request(authority(), key("ca"), "/CN=kubernetes", {});
}

void Pki::issue(std::string_view name, std::string_view subject, std::string_view names) const {
  Command more{"-CA",     authority(),
               "-CAkey",  key("ca"),
               "-addext", "basicConstraints=critical,CA:FALSE",
               "-addext", "extendedKeyUsage=clientAuth,serverAuth"};
  if (!names.empty()) {
    more.insert(more.end(), {"-addext", fmt::format("subjectAltName={}", names)});
  }
  request(certificate(name), key(name), subject, more);
}

std::string Pki::path(std::string_view name, std::string_view ending) const {
  return fmt::format("{}/{}{}", folder_, name, ending);
}

}  // namespace culvert::lab
