// JsonCutter: finds objects in JSON text that comes in pieces, so that whoever reads a list of
// thousands, or events without end, holds one at a time. It knows where objects begin and end and
// nothing of what they say: whether they are JSON at all is for the parser to find out.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "ztunnel/lib/base/result.h"

namespace culvert::kube {

// An item of a list, an event of a watch, or the object of an answer. etcd takes no object above
// 1.5 MiB; as JSON it is larger, by less than this.
inline constexpr std::size_t kObjectBytesMax = 8 * 1024 * 1024;
// A list without its items: kind, resourceVersion, the token of the next page, and two bytes for
// each item.
inline constexpr std::size_t kEnvelopeBytesMax = 1024 * 1024;
// A list with all its items. An API server that ignores `limit` sends a whole cluster in one page:
// 100,000 pods of 5 KiB.
inline constexpr std::size_t kPageBytesMax = 512 * 1024 * 1024;
// Objects and arrays in each other. Kubernetes' own kinds have less than 20 levels.
inline constexpr std::size_t kDepthMax = 100;

class JsonCutter {
 public:
  enum class Shape : std::uint8_t {
    list,    // one object; its member "items" is the array of what is cut out
    stream,  // object after object: what a watch sends, one a line
  };
  // Gets the text of each object, borrowed. Its failure is feed's.
  using OnObject = std::function<Result<>(std::string_view)>;

  JsonCutter(Shape shape, OnObject on_object) : shape_(shape), on_object_(std::move(on_object)) {}

  // feed takes the next piece. Fails with `limit`, with `protocol` where the text can't be cut, or
  // as `on_object` did; it must not be called again then.
  Result<> feed(std::string_view piece);

  // at_boundary: nothing has begun that has not ended. At the end of the text it says that nothing
  // was cut off.
  bool at_boundary() const { return depth_ == 0; }

  std::size_t objects() const { return objects_; }
  // envelope is the list's text with 0 in the place of each object that was cut out:
  // {"kind":"PodList","items":[0,0]}.
  const std::string& envelope() const { return envelope_; }

 private:
  Result<> open(char bracket, std::string_view before);
  Result<> close(std::string_view before);
  Result<> keep(std::string_view text);
  bool items_begin() const;
  // The depth at which objects that are cut out stand.
  std::size_t base() const { return shape_ == Shape::list ? 2 : 0; }

  Shape shape_;
  OnObject on_object_;
  std::string envelope_;
  std::string object_;
  std::size_t bytes_ = 0;
  std::size_t objects_ = 0;
  std::size_t depth_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;
  bool in_items_ = false;
  bool in_object_ = false;  // one that is cut out
};

}  // namespace culvert::kube
