// Rights: what one of our programs may do in a cluster, as its roles say there, one by one; to take
// one away and see who misses it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/api_server.h"

namespace culvert::lab {

struct Right {
  std::string in_namespace;  // empty: all of them
  std::string group;
  std::string resource;  // with its subresource
  std::string name;      // of the one object; empty: all of them
  std::string verb;

  bool operator==(const Right&) const = default;
};

// to_string gives "get secrets cacerts in culvert-system".
std::string to_string(const Right& right);
// is_missed says whether a text has a refusal by the API server in it that is for want of `right`.
bool is_missed(const Right& right, std::string_view text);

class Rights {
 public:
  // Of a service account in culvert-system whose roles have its name, and stand in `api` as the
  // manifests have them.
  Rights(const ApiServer& api, std::string account);

  const std::vector<Right>& all() const { return all_; }
  // one gives the right to `verb` this resource.
  const Right& one(std::string_view verb, std::string_view resource) const;

  // take_away leaves all others, and returns when the API server goes by it; so does give_back.
  void take_away(const Right& right) { leave_out(&right); }
  void give_back() { leave_out(nullptr); }

 private:
  void leave_out(const Right* right);
  bool has(const Right& right) const;

  const ApiServer& api_;
  std::string account_;
  nlohmann::json roles_;
  std::vector<Right> all_;
  const Right* missing_ = nullptr;
};

}  // namespace culvert::lab
