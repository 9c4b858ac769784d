// HboneStream: the client's end of a tunnelled connection. Knows the answer to the CONNECT, and
// that a stream which the peer refused without looking at it may be opened again (RFC 9113 §8.7).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "ztunnel/proxy/pool.h"

namespace culvert::proxy {

// HboneStream may be written to before the peer has answered, so that what an application sends
// early rides right behind the CONNECT; the first read waits for the answer and fails unless it is
// 200.
//
// A peer that goes away or allows fewer streams than were opened refuses some of them. As long as
// it has not answered, what was written is kept; the reader then opens another stream and sends it
// again, and the writer does not notice. So an early writer needs a reader beside it, as copy_both
// has.
class HboneStream final : public net::Stream {
 public:
  // `loop` and `pool` must outlive the stream; `opened` is the first attempt, of the same `pod`,
  // `key` and `request`.
  HboneStream(io::Loop& loop, Pool& pool, PodPtr pod, TunnelKey key, http::HeaderList request,
              std::unique_ptr<http::H2Stream> opened)
      : loop_(loop),
        pool_(pool),
        pod_(std::move(pod)),
        key_(std::move(key)),
        request_(std::move(request)),
        stream_(std::move(opened)) {}

  io::Task<std::size_t> read_some(MutableBytes into) override;
  [[clang::coro_wrapper]] io::Task<> write_all(Bytes from) override {
    return answered_ ? stream_->write_all(from) : write_early(from);
  }
  [[clang::coro_wrapper]] io::Task<> shutdown_write() override {
    return answered_ ? stream_->shutdown_write() : end_early();
  }
  void reset() override;
  // A stream that was refused unseen is not broken: another one takes over.
  bool broken() const override { return answered_ ? stream_->broken() : failure_.has_value(); }

 private:
  // The reader's side.
  io::Task<> wait_for_answer();
  io::Task<> await_answer();
  Result<> check_status(const http::HeaderList& answer);
  io::Task<> open_again();
  io::Task<> send_again();
  // The writer's side, before the answer.
  io::Task<> write_early(Bytes from);
  io::Task<> end_early();
  io::Task<> wait_for_turn(bool needs_room);
  io::Task<> await_sent_again(int openings, Error error);

  io::Loop& loop_;
  Pool& pool_;
  PodPtr pod_;
  TunnelKey key_;
  http::HeaderList request_;
  std::unique_ptr<http::H2Stream> stream_;
  std::vector<std::unique_ptr<http::H2Stream>> refused_;  // a writer may still be inside one

  bool answered_ = false;
  std::optional<Error> failure_;  // why there will be no answer
  bool opening_again_ = false;    // the writer waits meanwhile
  int openings_ = 0;              // how often another stream has taken over
  std::vector<std::uint8_t> early_;
  bool early_end_ = false;
  io::Event changed_;  // one of the five above
};

}  // namespace culvert::proxy
