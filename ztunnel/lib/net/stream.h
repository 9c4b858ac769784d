// Stream: a two-way run of bytes, whatever carries it: TCP, TLS, one stream of an HTTP/2
// connection, a pipe in a test. Four operations and one question, so that every carrier can
// offer all of them faithfully.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ztunnel/lib/base/bytes.h"
#include "ztunnel/lib/io/task.h"

namespace culvert::net {

class Stream {
 public:
  virtual ~Stream() = default;

  // read_some reads at least one byte into `into` and gives their number; 0 is the end of the
  // stream (FIN, close_notify, END_STREAM). Fails with `closed` when the peer reset it. One read at
  // a time; `into` must outlive the task.
  virtual io::Task<std::size_t> read_some(MutableBytes into) = 0;

  // write_all returns when all of `from` was taken; backpressure is that it does not return. One
  // write at a time; `from` must outlive the task.
  virtual io::Task<> write_all(Bytes from) = 0;

  // shutdown_write ends our direction after what was written (FIN, END_STREAM); reading goes on.
  virtual io::Task<> shutdown_write() = 0;

  // reset gives up both directions at once; the peer sees a reset, not an end. Pending operations
  // fail with `closed` or `cancelled`. Harmless when repeated. Does not suspend.
  virtual void reset() = 0;

  // broken tells that nothing can come or go any more: the stream was reset by either side, or what
  // carries it has ended. For who neither reads nor gets rid of what it writes; a read or a write
  // that is under way finds out by itself.
  virtual bool broken() const = 0;
};

}  // namespace culvert::net
