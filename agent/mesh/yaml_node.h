// The few ways in which this room looks into a YAML tree; none of them throws, whatever the tree
// looks like. Private to the *_yaml.cc files.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <yaml-cpp/yaml.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/mesh/yaml_file.h"

namespace culvert::mesh {

// child gives the value of `key`, or an undefined node if `node` is no map or has no such key.
YAML::Node child(const YAML::Node& node, const std::string& key);

// text gives a scalar as written, "" for anything else.
std::string text(const YAML::Node& node);
std::string text(const YAML::Node& node, const std::string& key);

bool is_true(const YAML::Node& node, const std::string& key);

// items gives the elements of a sequence, none for anything else.
std::vector<YAML::Node> items(const YAML::Node& node);

std::map<std::string, std::string> text_map(const YAML::Node& node);

// port_number reads 1 to 65535; none for anything else.
std::optional<std::uint16_t> port_number(const std::string& text);

// ObjectReader reads one object and collects what is wrong with it.
class ObjectReader {
 public:
  ObjectReader(std::string_view file, std::string kind, const YAML::Node& root, YamlFile& into);

  const YAML::Node& root() const { return root_; }
  YAML::Node spec() const { return child(root_, "spec"); }
  YAML::Node status() const { return child(root_, "status"); }
  const Meta& meta() const { return meta_; }
  YamlFile& into() { return into_; }

  // problem reports "file: Kind ns/name: `what`; `next_step`" and leaves the object as it is.
  void problem(std::string_view what, std::string_view next_step);
  // reject reports the same; the object must then be left out.
  void reject(std::string_view what, std::string_view next_step);

  // address reads an IP or rejects the object.
  std::optional<IpAddress> address(const std::string& text, std::string_view place);

  bool rejected() const { return rejected_; }

 private:
  std::string file_;
  std::string kind_;
  YAML::Node root_;
  YamlFile& into_;
  Meta meta_;
  bool rejected_ = false;
};

// One function a kind: each puts its object into reader.into().objects, or rejects it.
void read_namespace(ObjectReader& reader);
void read_service_account(ObjectReader& reader);
void read_pod(ObjectReader& reader);
void read_gateway(ObjectReader& reader);
void read_service(ObjectReader& reader);
void read_endpoint_slice(ObjectReader& reader);
void read_authorization_policy(ObjectReader& reader);
void read_peer_authentication(ObjectReader& reader);

// selector reads spec.selector of a policy: nullopt inside is "no selector", an error a selector of
// a form that is not known.
struct Selector {
  std::optional<Labels> labels;
  bool understood = true;
};
Selector read_selector(const YAML::Node& spec);

}  // namespace culvert::mesh
