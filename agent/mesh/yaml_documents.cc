// SPDX-License-Identifier: Apache-2.0
#include "agent/mesh/yaml_documents.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

namespace culvert::mesh {
namespace {

using Tree = nlohmann::json;

// bytes_of is about what a copy of `tree` costs; at least 1.
std::size_t bytes_of(const Tree& tree) {
  std::size_t bytes = 1;
  if (const auto* text = tree.get_ptr<const std::string*>()) {
    bytes += text->size();
  } else if (tree.is_structured()) {
    for (const auto& [key, value] : tree.items()) {
      bytes += (tree.is_object() ? key.size() : 0) + bytes_of(value);
    }
  }
  return bytes;
}

// TreeBuilder makes one tree of each document. It throws what the parser throws.
class TreeBuilder : public YAML::EventHandler {
 public:
  std::vector<Tree> take() { return std::move(documents_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    // yaml-cpp 0.7 makes of a text like "a,}" documents without end, all of them at the same place:
    // it leaves there what belongs to no value.
    if (last_start_ && mark.pos <= *last_start_) {
      throw YAML::ParserException(mark, "there is text that belongs to no value");
    }
    last_start_ = mark.pos;
    root_ = nullptr;
    anchored_.clear();
  }
  void OnDocumentEnd() override { documents_.push_back(std::move(root_)); }
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    put(mark, anchor, nullptr);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchored_.find(anchor);
    if (found == anchored_.end()) {
      throw YAML::ParserException(mark, "an alias stands inside of what it repeats");
    }
    put(mark, YAML::NullAnchor, copy_of(mark, found->second));
  }
  void OnScalar(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                const std::string& text) override {
    put(mark, anchor, text);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    open_.push_back({mark, anchor, Tree::array(), {}});
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    open_.push_back({mark, anchor, Tree::object(), {}});
  }
  void OnMapEnd() override { close(); }

 private:
  // Open is a sequence or map that has begun; of a map also the key whose value comes next.
  struct Open {
    YAML::Mark mark;
    YAML::anchor_t anchor = YAML::NullAnchor;
    Tree tree;
    std::optional<std::string> key;
  };

  void close() {
    auto done = std::move(open_.back());
    open_.pop_back();
    put(done.mark, done.anchor, std::move(done.tree));
  }

  void put(const YAML::Mark& mark, YAML::anchor_t anchor, Tree value) {
    if (anchor != YAML::NullAnchor) {
      anchored_[anchor] = copy_of(mark, value);
    }
    if (open_.empty()) {
      root_ = std::move(value);
      return;
    }
    auto& [begun, ignored, tree, key] = open_.back();
    if (tree.is_array()) {
      tree.push_back(std::move(value));
    } else if (key) {
      tree[*std::exchange(key, {})] = std::move(value);
    } else {
      key = new_key(mark, tree, value);
    }
  }

  static std::string new_key(const YAML::Mark& mark, const Tree& map, const Tree& value) {
    const auto* key = value.get_ptr<const std::string*>();
    if (key == nullptr) {
      throw YAML::ParserException(mark, "a key is no text");
    }
    if (map.contains(*key)) {
      throw YAML::ParserException(mark, fmt::format("the key \"{}\" is there twice", *key));
    }
    return *key;
  }

  // copy_of counts against kAliasedBytesMax before it copies. The limit bounds depth as well: what
  // is nested by aliases grows with the square of its depth.
  Tree copy_of(const YAML::Mark& mark, const Tree& tree) {
    aliased_bytes_ += bytes_of(tree);
    if (aliased_bytes_ > kAliasedBytesMax) {
      throw YAML::ParserException(mark, "aliases repeat too much");
    }
    return tree;
  }

  std::vector<Tree> documents_;
  std::optional<int> last_start_;
  Tree root_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, Tree> anchored_;
  std::size_t aliased_bytes_ = 0;
};

}  // namespace

Result<std::vector<Tree>> load_documents(const std::string& text) {
  TreeBuilder builder;
  try {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& error) {
    return fail(Errc::config, fmt::format("line {}: {}", error.mark.line + 1, error.msg));
  }
  return builder.take();
}

}  // namespace culvert::mesh
