// What culvert-cni answers: results and errors in the JSON of the CNI specification.
// Source of truth: CNI specification 1.1.0, "Section 5: Result Types".
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace culvert::cni {

using Json = nlohmann::ordered_json;

// The specification's error codes, as far as they are used here.
enum class Code : unsigned {
  incompatible_version = 1,
  invalid_environment = 4,
  io_failure = 5,
  no_json = 6,
  invalid_config = 7,
  try_again = 11,
  not_available = 50,  // no ADD can be served
};

struct Failure {
  Code code = Code::try_again;
  std::string msg;      // what is wrong
  std::string details;  // what to do, or what lies beneath
};

// Answer is what the program prints and ends with.
struct Answer {
  int status = 0;
  std::string text;  // for standard output; may be empty
  std::string note;  // for the log: what became of the call
};

// The version of an error is the caller's, or the newest where that is not known.
Answer error_answer(std::string_view version, const Failure& failure);
Answer version_answer(std::string_view version);

// result_answer prints the result of the plugins before us in the caller's version: an earlier
// plugin may have answered in its own.
Answer result_answer(std::string_view version, Json result);

}  // namespace culvert::cni
