// What the API server's texts say, as far as this client has to know it: objects, events, the frame
// of a list, and refusals. Source of truth: kubernetes.io/docs/reference/using-api/api-concepts.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "agent/kube/json_cutter.h"
#include "ztunnel/lib/base/result.h"

namespace culvert::kube {

// The server's words in an error: a Status's message is a sentence or two.
inline constexpr std::size_t kWordsBytesMax = 1024;

// parse_object reads one object. Its metadata.managedFields, half of many an object and of no use
// to readers, is left out while it is read. Fails with `protocol`.
Result<nlohmann::json> parse_object(std::string_view text);

struct WatchEvent {
  enum class Type : std::uint8_t { changed, deleted, bookmark };
  Type type = Type::changed;
  nlohmann::json object;
  std::string resource_version;
};

// parse_event reads one event of a watch. Fails with `protocol`, or, for an event of type ERROR, as
// refusal() has it.
Result<WatchEvent> parse_event(std::string_view text);

struct ListFrame {
  std::string resource_version;
  std::string next_page;  // the `continue` token; empty on the last page
};

// read_frame reads what is left of a list whose items were cut out. Fails with `protocol`, also
// when the list was cut off.
Result<ListFrame> read_frame(const JsonCutter& list);

// refusal makes an error of an answer that is none: "409 AlreadyExists: pods \"a\" already exists".
// `body` is a Status, or whatever a proxy between us and the server said instead.
Error refusal(int status, std::string_view body);

// http_status gives the status of an error that refusal() made, and 0 of any other. The code says
// it more coarsely: 401 and 403 are `denied`, 404 and 410 `not_found`, 429 and 5xx `unavailable`,
// all else `config`.
int http_status(const Error& error);

}  // namespace culvert::kube
