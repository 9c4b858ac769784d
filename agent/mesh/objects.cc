// SPDX-License-Identifier: Apache-2.0
#include "agent/mesh/objects.h"

#include <algorithm>

#include "agent/mesh/redirection_annotation.h"

namespace culvert::mesh {

bool AuthorizationPolicy::operator==(const AuthorizationPolicy& other) const {
  return meta == other.meta && selector == other.selector && ignored == other.ignored &&
         l4.SerializeAsString() == other.l4.SerializeAsString();
}

std::size_t Objects::count() const {
  std::size_t total = 0;
  visit_tables(*this, *this,
               [&](std::string_view, const auto& table, const auto&) { total += table.size(); });
  return total;
}

std::string named(std::string_view kind, const ObjectKey& key) {
  std::string text(kind);
  text += ' ';
  if (!key.first.empty()) {
    text += key.first + '/';
  }
  return text + key.second;
}

bool selects(const Labels& selector, const Labels& labels) {
  return std::ranges::all_of(selector, [&](const auto& wanted) {
    const auto found = labels.find(wanted.first);
    return found != labels.end() && found->second == wanted.second;
  });
}

std::string_view text_of(const Labels& labels, const std::string& key) {
  const auto found = labels.find(key);
  return found == labels.end() ? std::string_view() : std::string_view(found->second);
}

bool is_redirected(const Pod& pod) {
  return text_of(pod.meta.annotations, kRedirectionAnnotation) == kRedirectionEnabled;
}

}  // namespace culvert::mesh
