// SPDX-License-Identifier: Apache-2.0
#include "agent/sockets.h"

#include <fmt/format.h>

#include <filesystem>

#include "agent/cni/enrol_client.h"

namespace culvert::agent {

Result<Sockets> open_sockets(const Config& config) {
  std::error_code error;
  std::filesystem::create_directories(config.run_dir, error);
  if (error) {
    return fail(Errc::config,
                fmt::format("make the run directory {}: {}", config.run_dir, error.message()));
  }
  const auto path = [&](std::string_view name) {
    return fmt::format("{}/{}", config.run_dir, name);
  };
  TRY(auto zds, RootSocket::open(config.zds_socket, net::UnixType::seqpacket));
  TRY(auto xds, RootSocket::open(path("xds.sock"), net::UnixType::stream));
  TRY(auto ca, RootSocket::open(path("ca.sock"), net::UnixType::stream));
  TRY(auto enrol, RootSocket::open(path(cni::kEnrolSocketName), net::UnixType::seqpacket));
  return Sockets{
      .zds = std::move(zds), .xds = std::move(xds), .ca = std::move(ca), .enrol = std::move(enrol)};
}

}  // namespace culvert::agent
