// SPDX-License-Identifier: Apache-2.0
#include "agent/kube/decode.h"

#include <algorithm>

#include <fmt/format.h>

#include "ztunnel/lib/base/utf8.h"

namespace culvert::kube {
namespace {

using nlohmann::json;

constexpr std::string_view kManagedFields = "managedFields";

// `depth` is how deep in the text the object's own members stand: 1, or 2 in an event.
json parse(std::string_view text, int depth) {
  bool in_metadata = false;
  const auto wanted = [depth, &in_metadata](int at, json::parse_event_t event, json& parsed) {
    if (event != json::parse_event_t::key || at < depth || at > depth + 1) {
      return true;
    }
    const auto& key = *parsed.get_ptr<const std::string*>();
    if (at == depth) {
      in_metadata = key == "metadata";
      return true;
    }
    return !in_metadata || key != kManagedFields;
  };
  return json::parse(text.begin(), text.end(), wanted, /* allow_exceptions= */ false);
}

const json* member(const json& object, const char* name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  return found == object.end() ? nullptr : &*found;
}

std::string text_of(const json& object, const char* name) {
  const json* const value = member(object, name);
  const auto* const text = value == nullptr ? nullptr : value->get_ptr<const std::string*>();
  return text == nullptr ? std::string() : *text;
}

std::string resource_version(const json& object) {
  const json* const metadata = member(object, "metadata");
  return metadata == nullptr ? std::string() : text_of(*metadata, "resourceVersion");
}

Errc code_of(int status) {
  switch (status) {
    case 401:
    case 403: return Errc::denied;
    case 404:
    case 410: return Errc::not_found;
    case 429: return Errc::unavailable;
    default: return status >= 500 ? Errc::unavailable : Errc::config;
  }
}

Error refused(int status, const json& said, std::string_view otherwise) {
  std::string words = text_of(said, "message");
  if (words.empty()) {
    words = otherwise;
  }
  words.resize(std::min(words.find_last_not_of(" \r\n") + 1, kWordsBytesMax));
  const auto reason = text_of(said, "reason");
  return {.code = code_of(status),
          .side = Side::upstream,
          .sys = status,
          .context = fmt::format("{}{}{}{}{}", status, reason.empty() ? "" : " ", reason,
                                 words.empty() ? "" : ": ", words)};
}

}  // namespace

Result<json> parse_object(std::string_view text) {
  json object = parse(text, 1);
  if (!object.is_object()) {
    return fail(Errc::protocol, "an object is no JSON");
  }
  return object;
}

Result<WatchEvent> parse_event(std::string_view text) {
  json event = parse(text, 2);
  const auto type = text_of(event, "type");
  const auto found = event.is_object() ? event.find("object") : event.end();
  if (type.empty() || found == event.end() || !found->is_object()) {
    return fail(Errc::protocol, "an event of a watch is none: it needs a type and an object");
  }
  if (type == "ERROR") {
    const json* const code = member(*found, "code");
    return fail(refused(code != nullptr && code->is_number_integer() ? code->get<int>() : 500,
                        *found, "the watch ended with an error that says nothing"));
  }
  WatchEvent result{.resource_version = resource_version(*found)};
  if (type == "DELETED") {
    result.type = WatchEvent::Type::deleted;
  } else if (type == "BOOKMARK") {
    result.type = WatchEvent::Type::bookmark;
  } else if (type != "ADDED" && type != "MODIFIED") {
    return fail(Errc::protocol, "an event of a watch has the unknown type " + type);
  }
  if (result.resource_version.empty()) {
    return fail(Errc::protocol, "an event of a watch has no resourceVersion");
  }
  result.object = std::move(*found);
  return result;
}

Result<ListFrame> read_frame(const JsonCutter& list) {
  const json frame = parse(list.envelope(), 1);
  const json* const items = member(frame, "items");
  const bool is_list = items == nullptr || items->is_null() || items->is_array();
  const std::size_t count = items == nullptr ? 0 : items->size();
  ListFrame result{.resource_version = resource_version(frame), .next_page = {}};
  if (!frame.is_object() || !is_list || count != list.objects() ||
      result.resource_version.empty()) {
    return fail(Errc::protocol, list.at_boundary()
                                    ? "a list is none: it needs items that are objects, and a "
                                      "resourceVersion"
                                    : "a list was cut off");
  }
  result.next_page = text_of(*member(frame, "metadata"), "continue");
  return result;
}

Error refusal(int status, std::string_view body) {
  return refused(status, parse(body, 1), body);
}

int http_status(const Error& error) {
  // Statuses are above all errnos and TLS alerts, and only refusals have them.
  return error.sys >= 300 ? error.sys : 0;
}

}  // namespace culvert::kube
