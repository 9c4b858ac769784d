// SPDX-License-Identifier: Apache-2.0
#include "agent/kube/json_cutter.h"

#include <fmt/format.h>

namespace culvert::kube {

Result<> JsonCutter::feed(std::string_view piece) {
  bytes_ += piece.size();
  if (shape_ == Shape::list && bytes_ > kPageBytesMax) {
    return fail(Errc::limit, fmt::format("a list is larger than {} bytes", kPageBytesMax));
  }
  std::size_t kept = 0;  // so much of the piece is in object_ or envelope_
  for (std::size_t i = 0; i < piece.size(); ++i) {
    const char c = piece[i];
    if (in_string_) {
      in_string_ = escaped_ || c != '"';
      escaped_ = !escaped_ && c == '\\';
      continue;
    }
    switch (c) {
      case '{':
      case '[':
        TRY_VOID(open(c, piece.substr(kept, i - kept)));
        kept = i;
        break;
      case '}':
      case ']':
        TRY_VOID(close(piece.substr(kept, i + 1 - kept)));
        kept = i + 1;
        break;
      case ' ':
      case '\t':
      case '\r':
      case '\n': break;
      default:
        if (depth_ == 0) {
          return fail(Errc::protocol, "there is text that is no JSON object");
        }
        in_string_ = c == '"';
    }
  }
  return keep(piece.substr(kept));
}

Result<> JsonCutter::open(char bracket, std::string_view before) {
  TRY_VOID(keep(before));
  if (depth_ == kDepthMax) {
    return fail(Errc::limit, fmt::format("JSON with more than {} levels", kDepthMax));
  }
  if (depth_ == 0 && bracket == '[') {
    return fail(Errc::protocol, "there is an array in the place of an object");
  }
  if (!in_object_ && depth_ == base() && bracket == '{' && (in_items_ || base() == 0)) {
    in_object_ = true;
  } else if (shape_ == Shape::list && depth_ == 1 && bracket == '[') {
    in_items_ = items_begin();
  }
  ++depth_;
  return {};
}

Result<> JsonCutter::close(std::string_view before) {
  TRY_VOID(keep(before));
  if (depth_ == 0) {
    return fail(Errc::protocol, "there is a bracket that closes nothing");
  }
  --depth_;
  if (in_object_ && depth_ == base()) {
    in_object_ = false;
    ++objects_;
    TRY_VOID(keep("0"));
    TRY_VOID(on_object_(object_));
    object_.clear();
  } else if (depth_ == 1) {
    in_items_ = false;
  }
  return {};
}

Result<> JsonCutter::keep(std::string_view text) {
  if (!in_object_ && shape_ == Shape::stream) {
    return {};  // what stands between objects of a stream: white space
  }
  std::string& into = in_object_ ? object_ : envelope_;
  const std::size_t limit = in_object_ ? kObjectBytesMax : kEnvelopeBytesMax;
  if (text.size() > limit - into.size()) {
    return fail(Errc::limit,
                fmt::format("{} is larger than {} bytes",
                            in_object_ ? "an object" : "a list without its items", limit));
  }
  into += text;
  return {};
}

// Whether the array that opens now is the value of "items".
bool JsonCutter::items_begin() const {
  constexpr std::string_view kSpace = " \t\r\n";
  std::string_view before(envelope_);
  before = before.substr(0, before.find_last_not_of(kSpace) + 1);
  if (!before.ends_with(':')) {
    return false;
  }
  before.remove_suffix(1);
  before = before.substr(0, before.find_last_not_of(kSpace) + 1);
  // Not \"items": the end of a longer name.
  return before.ends_with("\"items\"") && !before.ends_with("\\\"items\"");
}

}  // namespace culvert::kube
