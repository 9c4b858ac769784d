// SharedMap: a hash map that is cheap to copy while it goes on changing. It is cut into shards that
// copies share; a change copies the one shard it falls into, once between two copies. So a snapshot
// of 100,000 entries costs kShards pointer copies, and one change after it about 100 entries.
// One writer thread; copies may be read by any thread.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bitset>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace culvert::policy {

// Lets a map with string keys be asked by string_view without making a string.
struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept {
    return std::hash<std::string_view>{}(text);
  }
};

template <class Key, class Value, class Hash = std::hash<Key>>
class SharedMap {
 public:
  // 1024: at 100,000 entries a change copies about 100 of them, and a snapshot 1024 pointers; both
  // take some ten microseconds.
  static constexpr std::size_t kShards = 1024;

  SharedMap() : shards_(kShards) {}

  // share makes a copy that never changes; this map copies a shard before it changes it again.
  SharedMap share() {
    owned_.reset();
    return *this;
  }

  template <class Lookup>
  const Value* find(const Lookup& key) const {
    const auto& shard = shards_[index_of(key)];
    if (shard == nullptr) {
      return nullptr;
    }
    const auto it = shard->find(key);
    return it == shard->end() ? nullptr : &it->second;
  }

  void put(const Key& key, Value value) {
    if (own(index_of(key)).insert_or_assign(key, std::move(value)).second) {
      ++count_;
    }
  }

  void erase(const Key& key) {
    if (find(key) != nullptr) {
      own(index_of(key)).erase(key);
      --count_;
    }
  }

  std::size_t size() const { return count_; }

  // for_each visits (key, value) in no order; the map must not change meanwhile.
  template <class Visit>
  void for_each(Visit visit) const {
    for (const auto& shard : shards_) {
      if (shard != nullptr) {
        for (const auto& [key, value] : *shard) {
          visit(key, value);
        }
      }
    }
  }

 private:
  using Shard = std::unordered_map<Key, Value, Hash, std::equal_to<>>;

  template <class Lookup>
  static std::size_t index_of(const Lookup& key) {
    // The upper bits: the shard's own table uses the lower ones.
    return (Hash{}(key) * 0x9e3779b97f4a7c15ULL >> 54) % kShards;
  }

  Shard& own(std::size_t index) {
    auto& shard = shards_[index];
    if (shard == nullptr) {
      shard = std::make_shared<Shard>();
    } else if (!owned_[index]) {
      shard = std::make_shared<Shard>(*shard);
    }
    owned_.set(index);
    return *shard;
  }

  std::vector<std::shared_ptr<Shard>> shards_;
  std::bitset<kShards> owned_;  // shards that no copy shares
  std::size_t count_ = 0;
};

}  // namespace culvert::policy
