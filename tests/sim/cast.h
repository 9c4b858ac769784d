// The cast of the simulated mesh: addresses, certificates and mesh records. Certificates are made
// once a process, since key generation is not what is tested here.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "ztunnel/proxy/mesh_view.h"
#include "ztunnel/proxy/pod.h"

namespace culvert::sim {

// Certificates of each pod that its node may be given in turn.
constexpr std::size_t kCertificates = 2;

SpiffeId spiffe_of(std::size_t pod);
proxy::IdentityPtr certificate_of(std::size_t pod, std::size_t which);
proxy::PodPtr make_pod(std::size_t pod);
std::string uid_of(std::size_t pod);
std::string record_name(std::size_t pod);
std::string record_of(std::size_t pod);
std::string deny_name(std::size_t source);
std::string deny_of(std::size_t source, bool by_address);

}  // namespace culvert::sim
