// The few ways to look into an object of the API server; none of them throws, whatever the object
// looks like.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>

namespace culvert::kube {

// child gives the value of `key`, null if `tree` has none. Borrowed from `tree`.
const nlohmann::json& child(const nlohmann::json& tree, std::string_view key);

// text gives the text of `key`, "" for anything else.
std::string text(const nlohmann::json& tree, std::string_view key);

// number gives the whole number of `key`, 0 for anything else.
std::int64_t number(const nlohmann::json& tree, std::string_view key);

// items gives the elements of an array, none for anything else. Borrowed from `tree`.
std::span<const nlohmann::json> items(const nlohmann::json& tree);

}  // namespace culvert::kube
