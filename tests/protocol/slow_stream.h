// SlowStream: a transport that sends one byte at a time, with a pause after each, from the moment
// when it is told to.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "ztunnel/lib/io/loop.h"
#include "ztunnel/lib/net/stream.h"

namespace culvert::protocol {

class SlowStream final : public net::Stream {
 public:
  SlowStream(io::Loop& loop, std::unique_ptr<net::Stream> inner)
      : loop_(loop), inner_(std::move(inner)) {}

  void drip(io::Duration pause) { pause_ = pause; }

  io::Task<std::size_t> read_some(MutableBytes into) override {
    co_return co_await inner_->read_some(into);
  }
  io::Task<> write_all(Bytes from) override {
    while (pause_ > io::Duration::zero() && !from.empty()) {
      co_await inner_->write_all(from.first(1));
      from = from.subspan(1);
      co_await loop_.sleep(pause_);
    }
    if (!from.empty()) {
      co_await inner_->write_all(from);
    }
  }
  io::Task<> shutdown_write() override { co_await inner_->shutdown_write(); }
  void reset() override { inner_->reset(); }
  bool broken() const override { return inner_->broken(); }

 private:
  io::Loop& loop_;
  std::unique_ptr<net::Stream> inner_;
  io::Duration pause_{};
};

}  // namespace culvert::protocol
