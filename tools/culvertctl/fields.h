// Reading JSON that another process gave: nothing here trusts its shape.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "ztunnel/lib/base/result.h"

namespace culvert::ctl {

using Json = nlohmann::ordered_json;

// parse_json fails with `protocol` when `text` is no JSON; `source` says whose answer it was.
Result<Json> parse_json(std::string_view text, std::string_view source);

// Answer is what a daemon, or a cluster, said, or why it said nothing.
struct Answer {
  Json value;  // null where `problem` is set
  std::string problem;
};
Answer answer_of(Result<Json> value);

// field gives a member, or null where `value` is no object or has no such member.
const Json& field(const Json& value, std::string_view key);
// text gives a string as it is, a number or truth value as it is written, and "" for all else.
std::string text(const Json& value);
std::string text(const Json& value, std::string_view key);
std::uint64_t number(const Json& value, std::string_view key);  // 0 for all that is no number
// joined gives the texts of an array with ", " between them.
std::string joined(const Json& array);
// objects_in gives a copy of an array's objects, or none where `value` is no array.
Json objects_in(const Json& value);

}  // namespace culvert::ctl
