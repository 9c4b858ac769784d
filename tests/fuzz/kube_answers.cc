// What an API server answers, as a list and as a stream, in pieces whose size the first byte
// chooses. Pieces change nothing; a list that is taken has just the items that a parser of the
// whole text finds; what an object or an event is taken for can be used.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "agent/kube/decode.h"
#include "ztunnel/lib/base/assert.h"
#include "ztunnel/lib/base/bytes.h"

namespace culvert::kube {
namespace {

using nlohmann::json;

struct Cut {
  std::vector<std::string> objects;
  std::optional<Errc> failure;
  bool whole = false;
  std::optional<ListFrame> frame;
};

Cut cut(JsonCutter::Shape shape, std::string_view text, std::size_t size) {
  Cut seen;
  JsonCutter cutter(shape, [&seen](std::string_view object) -> Result<> {
    seen.objects.emplace_back(object);
    return {};
  });
  while (!text.empty() && !seen.failure) {
    if (const auto fed = cutter.feed(text.substr(0, size)); !fed) {
      seen.failure = fed.error().code;
    }
    text.remove_prefix(std::min(size, text.size()));
  }
  seen.whole = cutter.at_boundary();
  if (shape == JsonCutter::Shape::list && !seen.failure) {
    if (auto frame = read_frame(cutter)) {
      seen.frame = std::move(*frame);
    }
  }
  return seen;
}

Cut cut_both_ways(JsonCutter::Shape shape, std::string_view text, std::size_t size) {
  Cut at_once = cut(shape, text, text.size() + 1);
  const Cut pieces = cut(shape, text, size);
  CULVERT_ASSERT(pieces.objects == at_once.objects && pieces.failure == at_once.failure &&
                 pieces.whole == at_once.whole &&
                 pieces.frame.has_value() == at_once.frame.has_value());
  CULVERT_ASSERT(!at_once.failure || at_once.failure == Errc::protocol ||
                 at_once.failure == Errc::limit);
  return at_once;
}

// The items that a parser of the whole text finds; nothing where a member is there twice, since
// which of them counts is nobody's business.
std::optional<json> items_of(std::string_view text) {
  int times = 0;
  const auto count = [&times](int depth, json::parse_event_t event, json& parsed) {
    times += depth == 1 && event == json::parse_event_t::key && parsed == "items" ? 1 : 0;
    return true;
  };
  const json whole = json::parse(text.begin(), text.end(), count, false);
  if (!whole.is_object() || times > 1) {
    return std::nullopt;
  }
  return whole.value("items", json());
}

void check_list(std::string_view text, std::size_t size) {
  const Cut seen = cut_both_ways(JsonCutter::Shape::list, text, size);
  if (!seen.frame) {
    return;
  }
  CULVERT_ASSERT(seen.whole && !seen.frame->resource_version.empty());
  const bool all_json =
      std::ranges::all_of(seen.objects, [](const std::string& one) { return json::accept(one); });
  const auto items = items_of(text);
  if (!all_json || !items) {
    return;
  }
  CULVERT_ASSERT(items->size() == seen.objects.size());
  for (std::size_t i = 0; i < seen.objects.size(); ++i) {
    CULVERT_ASSERT(json::parse(seen.objects[i]) == (*items)[i]);
  }
}

void check_object(const json& object) {
  const auto metadata = object.find("metadata");
  CULVERT_ASSERT(metadata == object.end() || !metadata->is_object() ||
                 !metadata->contains("managedFields"));
}

void check_stream(std::string_view text, std::size_t size) {
  for (const auto& one : cut_both_ways(JsonCutter::Shape::stream, text, size).objects) {
    if (const auto object = parse_object(one)) {
      check_object(*object);
    }
    const auto event = parse_event(one);
    if (event) {
      CULVERT_ASSERT(!event->resource_version.empty() && event->object.is_object());
      check_object(event->object);
    } else {
      CULVERT_ASSERT(event.error().code == Errc::protocol || event.error().sys != 0);
    }
  }
}

void check_refusal(std::string_view text) {
  const auto error = refusal(503, text);
  CULVERT_ASSERT(http_status(error) == 503 && error.context.starts_with("503"));
}

}  // namespace
}  // namespace culvert::kube

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size == 0) {
    return -1;
  }
  const auto text = culvert::as_text({bytes + 1, size - 1});
  const std::size_t piece = 1 + bytes[0] % 64;
  culvert::kube::check_list(text, piece);
  culvert::kube::check_stream(text, piece);
  culvert::kube::check_refusal(text);
  return 0;
}
