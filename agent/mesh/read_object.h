// From the tree of one Kubernetes object, of a YAML file or of the API server, to values.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/mesh/objects.h"

namespace culvert::mesh {

struct ReadObjects {
  Objects objects;
  std::vector<Problem> problems;
  // Objects that can't be used as they are written: what they were before must stay in force.
  std::set<std::pair<std::string, ObjectKey>> rejected;  // kind, key
};

class ObjectReader;

// Kind is one kind that the mesh reads, under the names by which the API server serves it.
struct Kind {
  std::string_view group;  // empty: the core group
  std::string_view version;
  std::string_view plural;
  std::string_view name;  // as in objects.h
  bool namespaced;
  void (*read)(ObjectReader&);
};

std::span<const Kind> kinds();

// find_kind gives null for a kind that the mesh does not read.
const Kind* find_kind(std::string_view group, std::string_view name);

// key_of gives namespace and name of an object; without a namespace it is in "default", as kubectl
// has it.
ObjectKey key_of(const Kind& kind, const nlohmann::json& tree);

// read_object reads one object; `file` is its place for the problems, empty for the API server. An
// object that can't be understood is left out and reported; a policy is kept in the form that fails
// closed.
void read_object(std::string_view file, const Kind& kind, const nlohmann::json& tree,
                 ReadObjects& into);

// The same for an object that says itself what it is.
void read_object(std::string_view file, const nlohmann::json& tree, ReadObjects& into);

}  // namespace culvert::mesh
