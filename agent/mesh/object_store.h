// ObjectStore: what is known of a cluster's objects, told one by one as lists and watches bring
// them. An object that can't be used keeps its last good form, as in a file.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/mesh/objects.h"
#include "agent/mesh/read_object.h"

namespace culvert::mesh {

class ObjectStore {
 public:
  // `objects_max` as kObjectsMax; what is beyond it is left out and told.
  explicit ObjectStore(std::size_t objects_max = kObjectsMax) : objects_max_(objects_max) {}

  // put and remove give whether objects() or problems() have changed.
  bool put(const Kind& kind, const nlohmann::json& tree);
  bool remove(const Kind& kind, const nlohmann::json& tree);

  // A list begins: whatever of the kind is not put until end_list is then removed. A list that
  // begins again without an end has removed nothing.
  void begin_list(const Kind& kind);
  bool end_list(const Kind& kind);

  const Objects& objects() const { return objects_; }
  std::vector<Problem> problems() const;

 private:
  bool forget(std::string_view kind, const ObjectKey& key);

  std::size_t objects_max_;
  Objects objects_;
  std::map<std::string_view, std::set<ObjectKey>> listed_;  // by a list that has not ended yet
  std::map<std::string_view, std::map<ObjectKey, std::vector<Problem>>> problems_;
  std::map<std::string_view, std::set<ObjectKey>> left_out_;  // beyond the limit
};

}  // namespace culvert::mesh
