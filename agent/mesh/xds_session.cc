// SPDX-License-Identifier: Apache-2.0
#include "agent/mesh/xds_session.h"

#include <fmt/format.h>

#include <algorithm>

#include "ztunnel/lib/control/xds_client.h"

namespace culvert::mesh {

XdsSession::XdsSession()
    : types_{Type{.url = control::kAddressType, .resources = &DesiredMesh::addresses},
             Type{.url = control::kAuthorizationType, .resources = &DesiredMesh::authorizations}} {}

Result<std::optional<Nack>> XdsSession::take(const DeltaRequest& request) {
  if (node_id_.empty() && request.has_node()) {
    node_id_ = request.node().id().substr(0, kNodeIdBytesMax);
  }
  const auto type = std::ranges::find_if(
      types_, [&](const Type& known) { return known.url == request.type_url(); });
  if (type == types_.end()) {
    return std::optional<Nack>();
  }
  if (!type->subscribed) {
    TRY_VOID(subscribe(*type, request));
    return std::optional<Nack>();
  }
  if (request.response_nonce().empty() || request.response_nonce() != type->awaited_nonce) {
    return std::optional<Nack>();  // about a response that a newer one has overtaken
  }
  type->awaited_nonce.clear();
  if (!request.has_error_detail()) {
    return std::optional<Nack>();
  }
  // What the client could take of it, it has taken; sending it again would change nothing.
  return std::optional<Nack>(
      Nack{.type_url = type->url, .reason = request.error_detail().message()});
}

Result<> XdsSession::subscribe(Type& type, const DeltaRequest& request) {
  for (const auto& name : request.resource_names_subscribe()) {
    if (name != "*") {
      return fail(Errc::config,
                  fmt::format("xDS: {} was subscribed to by name ({}): only whole types "
                              "are served, switch on-demand xDS off",
                              type.url, name));
    }
  }
  type.subscribed = true;
  for (const auto& [name, version] : request.initial_resource_versions()) {
    type.sent.emplace(name, version);
  }
  return {};
}

std::optional<DeltaResponse> XdsSession::next(const DesiredMesh& mesh, std::uint64_t generation) {
  for (auto& type : types_) {
    if (!type.subscribed || !type.awaited_nonce.empty() ||
        (type.first_sent && type.generation == generation)) {
      continue;
    }
    type.generation = generation;
    DeltaResponse response = difference(type, mesh.*type.resources);
    if (type.first_sent && response.resources().empty() && response.removed_resources().empty()) {
      continue;
    }
    type.first_sent = true;  // the first one goes out even if empty: the client waits for it
    type.awaited_nonce = std::to_string(++last_nonce_);
    response.set_nonce(type.awaited_nonce);
    response.set_type_url(type.url);
    response.set_system_version_info(std::to_string(generation));
    response.mutable_control_plane()->set_identifier("culvert-agent");
    return response;
  }
  return std::nullopt;
}

DeltaResponse XdsSession::difference(Type& type, const Resources& wanted) {
  DeltaResponse response;
  for (const auto& [name, resource] : wanted) {
    std::string& version = type.sent[name];
    if (version == resource.version) {
      continue;
    }
    version = resource.version;
    auto& entry = *response.add_resources();
    entry.set_name(name);
    entry.set_version(resource.version);
    entry.mutable_resource()->set_type_url(type.url);
    entry.mutable_resource()->set_value(resource.value);
  }
  std::erase_if(type.sent, [&](const auto& entry) {
    if (wanted.contains(entry.first)) {
      return false;
    }
    response.add_removed_resources(entry.first);
    return true;
  });
  return response;
}

bool XdsSession::is_up_to_date(std::uint64_t generation) const {
  return std::ranges::all_of(types_, [&](const Type& type) {
    return type.first_sent && type.awaited_nonce.empty() && type.generation == generation;
  });
}

}  // namespace culvert::mesh
