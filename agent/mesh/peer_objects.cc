// PeerAuthentication. What can't be understood counts as STRICT.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "agent/mesh/object_reader.h"

namespace culvert::mesh {
namespace {

using Mode = PeerAuthentication::Mode;

Mode read_mode(ObjectReader& reader, const Tree& node, std::string_view place) {
  const auto mode = text(node, "mode");
  if (mode == "STRICT") {
    return Mode::strict;
  }
  if (mode == "PERMISSIVE") {
    return Mode::permissive;
  }
  if (mode == "DISABLE") {
    return Mode::disable;
  }
  const bool absent = !present(node) || node.is_null() || (node.is_object() && node.empty());
  if (absent || mode == "UNSET") {
    return Mode::unset;
  }
  reader.problem(fmt::format("{}.mode \"{}\" is not known", place, mode),
                 "write STRICT, PERMISSIVE or DISABLE, until then it counts as STRICT");
  return Mode::strict;
}

}  // namespace

void read_peer_authentication(ObjectReader& reader) {
  const auto& spec = reader.spec();
  PeerAuthentication peer;
  peer.meta = reader.meta();
  peer.mode = read_mode(reader, child(spec, "mtls"), "spec.mtls");
  auto selector = read_selector(spec);
  peer.selector = std::move(selector.labels);
  peer.unreadable = !selector.understood;
  for (const auto& [key, ignored] : text_map(spec)) {
    peer.unreadable =
        peer.unreadable || (key != "mtls" && key != "selector" && key != "portLevelMtls");
  }
  const auto& ports = child(spec, "portLevelMtls");
  peer.unreadable = peer.unreadable || (present(ports) && !ports.is_object() && !ports.is_null());
  for (const auto& [key, ignored] : text_map(ports)) {
    const auto port = port_number(key);
    if (port) {
      peer.port_modes[*port] = read_mode(reader, child(ports, key), "spec.portLevelMtls." + key);
    }
    peer.unreadable = peer.unreadable || !port;
  }
  if (peer.unreadable) {
    reader.problem("spec.selector, spec.portLevelMtls or another part of it can't be understood",
                   "correct it, until then its whole namespace is STRICT");
  }
  const auto key = peer.meta.key();
  reader.into().objects.peer_authentications[key] = std::move(peer);
}

}  // namespace culvert::mesh
