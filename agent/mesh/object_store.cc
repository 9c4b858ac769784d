// SPDX-License-Identifier: Apache-2.0
#include "agent/mesh/object_store.h"

#include <fmt/format.h>

#include <utility>

namespace culvert::mesh {
namespace {

// visit_table calls visit(table of `a`, the same of `b`) for one kind.
template <class A, class B, class Visit>
void visit_table(std::string_view kind, A& a, B& b, Visit visit) {
  visit_tables(a, b, [&](std::string_view name, auto& in_a, auto& in_b) {
    if (name == kind) {
      visit(in_a, in_b);
    }
  });
}

}  // namespace

bool ObjectStore::put(const Kind& kind, const nlohmann::json& tree) {
  const auto key = key_of(kind, tree);
  if (const auto list = listed_.find(kind.name); list != listed_.end()) {
    list->second.insert(key);
  }
  ReadObjects fresh;
  read_object("", kind, tree, fresh);
  bool changed = false;
  visit_table(kind.name, fresh.objects, objects_, [&](auto& read, auto& known) {
    for (auto& [name, object] : read) {
      const auto found = known.find(name);
      if (found != known.end()) {
        if (found->second != object) {
          found->second = std::move(object);
          changed = true;
        }
      } else if (objects_.count() < objects_max_) {
        known.emplace(name, std::move(object));
        left_out_[kind.name].erase(name);
        changed = true;
      } else {
        changed |= left_out_[kind.name].insert(name).second;
      }
    }
  });
  auto& told = problems_[kind.name];
  const auto before = told.find(key);
  if (before == told.end() ? !fresh.problems.empty() : before->second != fresh.problems) {
    changed = true;
    if (fresh.problems.empty()) {
      told.erase(before);
    } else {
      told[key] = std::move(fresh.problems);
    }
  }
  return changed;
}

bool ObjectStore::remove(const Kind& kind, const nlohmann::json& tree) {
  return forget(kind.name, key_of(kind, tree));
}

bool ObjectStore::forget(std::string_view kind, const ObjectKey& key) {
  bool changed = problems_[kind].erase(key) != 0;
  changed |= left_out_[kind].erase(key) != 0;
  visit_table(kind, objects_, objects_,
              [&](auto& table, auto&) { changed |= table.erase(key) != 0; });
  return changed;
}

void ObjectStore::begin_list(const Kind& kind) {
  listed_[kind.name].clear();
}

bool ObjectStore::end_list(const Kind& kind) {
  auto list = listed_.extract(kind.name);
  if (list.empty()) {
    return false;
  }
  std::set<ObjectKey> gone;
  const auto check = [&](const auto& known) {
    for (const auto& entry : known) {
      if (!list.mapped().contains(entry.first)) {
        gone.insert(entry.first);
      }
    }
  };
  check(problems_[kind.name]);
  visit_table(kind.name, objects_, objects_, [&](const auto& table, const auto&) { check(table); });
  bool changed = std::erase_if(left_out_[kind.name], [&](const ObjectKey& key) {
                   return !list.mapped().contains(key);
                 }) != 0;
  for (const auto& key : gone) {
    changed |= forget(kind.name, key);
  }
  return changed;
}

std::vector<Problem> ObjectStore::problems() const {
  std::vector<Problem> all;
  for (const auto& [kind, by_object] : problems_) {
    for (const auto& [key, problems] : by_object) {
      all.insert(all.end(), problems.begin(), problems.end());
    }
  }
  for (const auto& [kind, objects] : left_out_) {
    if (!objects.empty()) {
      all.push_back(
          {.file = {},
           .object = {},
           .sentence = fmt::format(
               "the cluster holds over {} objects and {} of kind {} are left out; serve a "
               "cluster of this size by istiod",
               objects_max_, objects.size(), kind)});
    }
  }
  return all;
}

}  // namespace culvert::mesh
