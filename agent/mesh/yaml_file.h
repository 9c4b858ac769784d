// From the text of one YAML file to Kubernetes objects: several documents, and kind List, as
// `kubectl get -o yaml` prints them; JSON is YAML too.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "agent/mesh/read_object.h"

namespace culvert::mesh {

struct YamlFile : ReadObjects {
  // The text as a whole is no YAML: `objects` holds nothing, and what the file held before must
  // stay in force.
  bool broken = false;
};

// read_yaml reads `text`; `file` is its name for the problems. An object that can't be understood
// is left out and reported; a policy is kept in the form that fails closed.
YamlFile read_yaml(std::string_view file, const std::string& text);

}  // namespace culvert::mesh
