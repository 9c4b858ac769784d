// SPDX-License-Identifier: Apache-2.0
#include "agent/cni/json_text.h"

#include <algorithm>

namespace culvert::cni {

namespace {

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

std::size_t skip_space(std::string_view json, std::size_t at) {
  while (at < json.size() && is_space(json[at])) {
    ++at;
  }
  return at;
}

// The place behind the string that starts at `at`.
std::size_t end_of_string(std::string_view json, std::size_t at) {
  for (++at; at < json.size() && json[at] != '"'; ++at) {
    at += json[at] == '\\' ? 1 : 0;
  }
  return std::min(at + 1, json.size());
}

// The place behind the value that starts at `at`.
std::size_t end_of_value(std::string_view json, std::size_t at) {
  std::size_t depth = 0;
  while (at < json.size()) {
    const char c = json[at];
    if (c == '"') {
      at = end_of_string(json, at);
    } else if (c == '[' || c == '{') {
      ++depth;
      ++at;
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
      ++at;
    } else if (depth == 0 && (c == ',' || c == ']' || c == '}' || is_space(c))) {
      return at;  // behind a number, true, false or null
    } else {
      ++at;
      continue;
    }
    if (depth == 0) {
      return at;
    }
  }
  return at;
}

std::vector<Span> elements_at(std::string_view json, std::size_t bracket) {
  std::vector<Span> elements;
  std::size_t at = skip_space(json, bracket + 1);
  while (at < json.size() && json[at] != ']') {
    const Span element{at, end_of_value(json, at)};
    elements.push_back(element);
    at = skip_space(json, element.end);
    if (at < json.size() && json[at] == ',') {
      at = skip_space(json, at + 1);
    }
    if (at <= element.begin) {
      break;  // no valid JSON
    }
  }
  return elements;
}

}  // namespace

std::size_t nesting(std::string_view json) {
  std::size_t depth = 0;
  std::size_t deepest = 0;
  for (std::size_t at = 0; at < json.size();) {
    if (json[at] == '"') {
      at = end_of_string(json, at);
      continue;
    }
    if (json[at] == '[' || json[at] == '{') {
      deepest = std::max(deepest, ++depth);
    } else if ((json[at] == ']' || json[at] == '}') && depth > 0) {
      --depth;
    }
    ++at;
  }
  return deepest;
}

std::optional<std::vector<Span>> elements_of(std::string_view json, std::string_view key) {
  std::optional<std::vector<Span>> found;
  std::size_t at = json.find('{');
  at = at == json.npos ? json.size() : skip_space(json, at + 1);
  while (at < json.size() && json[at] == '"') {
    const std::size_t key_end = end_of_string(json, at);
    const bool is_it = json.substr(at + 1, key_end - at - 2) == key;
    at = skip_space(json, key_end);
    at = skip_space(json, at + 1);  // the colon
    if (is_it) {
      found =
          at < json.size() && json[at] == '[' ? std::optional(elements_at(json, at)) : std::nullopt;
    }
    at = skip_space(json, end_of_value(json, at));
    if (at < json.size() && json[at] == ',') {
      at = skip_space(json, at + 1);
    }
  }
  return found;
}

}  // namespace culvert::cni
