// The few ways in which this room looks into an object of the API server; none of them throws,
// whatever the object looks like.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace culvert::signer {

using Json = nlohmann::json;

// child gives the value of `key`, null if `tree` has none. Borrowed from `tree`.
const Json& child(const Json& tree, std::string_view key);

// text gives the text of `key`, "" for anything else.
std::string text(const Json& tree, std::string_view key);

// to_refer gives what an Event says about whom it is about: kind, name, namespace and uid.
Json to_refer(const Json& object);

}  // namespace culvert::signer
