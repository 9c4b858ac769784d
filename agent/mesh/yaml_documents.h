// The documents of a YAML text. Private to this room, as yaml_node.h is.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <yaml-cpp/yaml.h>

#include <string>
#include <vector>

namespace culvert::mesh {

// load_documents throws YAML::Exception where the text is no YAML.
std::vector<YAML::Node> load_documents(const std::string& text);

}  // namespace culvert::mesh
