// The few ways in which this room looks into the tree of an object; none of them throws, whatever
// the tree looks like. Private to this room. The tree is JSON, as the API server sends
// it, or YAML in the same form, where each scalar is a text as written.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "agent/mesh/read_object.h"

namespace culvert::mesh {

using Tree = nlohmann::json;

// child gives the value of `key`, or one that is not present() if `tree` is no map or has no such
// key. Borrowed from `tree`.
const Tree& child(const Tree& tree, std::string_view key);

bool present(const Tree& tree);

// text gives a scalar as written, "" for anything else.
std::string text(const Tree& tree);
std::string text(const Tree& tree, std::string_view key);

bool is_true(const Tree& tree, std::string_view key);

// items gives the elements of a sequence, none for anything else. Borrowed from `tree`.
std::span<const Tree> items(const Tree& tree);

std::map<std::string, std::string> text_map(const Tree& tree);

// port_number reads 1 to 65535; none for anything else.
std::optional<std::uint16_t> port_number(const std::string& text);

// ObjectReader reads one object and collects what is wrong with it.
class ObjectReader {
 public:
  // Borrows `root`.
  ObjectReader(std::string_view file, const Kind& kind, const Tree& root, ReadObjects& into);

  const Tree& root() const { return root_; }
  const Tree& spec() const { return child(root_, "spec"); }
  const Tree& status() const { return child(root_, "status"); }
  const Meta& meta() const { return meta_; }
  ReadObjects& into() { return into_; }

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
  const Tree& root_;
  ReadObjects& into_;
  Meta meta_;
  bool rejected_ = false;
};

// One function a kind: each puts its object into reader.into().objects, or rejects it.
void read_namespace(ObjectReader& reader);
void read_node(ObjectReader& reader);
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
Selector read_selector(const Tree& spec);

}  // namespace culvert::mesh
