// HBONE's headers: what a CONNECT says and how it is answered (wire-facts §1.6, §1.7), and the
// client's end of a tunnelled connection as a stream.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "ztunnel/lib/base/rng.h"
#include "ztunnel/lib/http/h2_stream.h"
#include "ztunnel/lib/io/loop.h"
#include "ztunnel/lib/policy/inbound.h"
#include "ztunnel/lib/policy/route.h"

namespace culvert::proxy {

// connect_request makes the headers of a CONNECT for `route`, on behalf of `source`.
http::HeaderList connect_request(const policy::Route& route, const policy::Workload& source,
                                 const SocketAddress& client, Rng& rng);

// What a peer's CONNECT asks for.
struct ConnectRequest {
  policy::Authority authority;
  std::string forwarded_host;  // the service that the client addressed, if it said so
  std::string baggage;         // of the source workload, as it came
};

// parse_connect fails with `protocol` and a sentence (answer 400): not a CONNECT, no authority or
// an unreadable one, or a :scheme or :path (RFC 9113 §8.5).
Result<ConnectRequest> parse_connect(const http::HeaderList& request);

// baggage_of tells a peer who `workload` is.
std::string baggage_of(const policy::Workload& workload);

// workload_from_baggage makes a record for telemetry alone of what a peer says of itself;
// `identity` is what it proved, and wins.
policy::WorkloadPtr workload_from_baggage(std::string_view baggage, const SpiffeId& identity);

// HboneStream is the client's end. Bytes may be written before the peer has answered, so that what
// an application sends early rides right behind the CONNECT; the first read waits for the answer
// and fails unless it is 200.
class HboneStream final : public net::Stream {
 public:
  HboneStream(io::Loop& loop, std::unique_ptr<http::H2Stream> stream, SocketAddress peer)
      : loop_(loop), stream_(std::move(stream)), peer_(peer) {}

  io::Task<std::size_t> read_some(MutableBytes into) override;
  [[clang::coro_wrapper]] io::Task<> write_all(Bytes from) override {
    return stream_->write_all(from);
  }
  [[clang::coro_wrapper]] io::Task<> shutdown_write() override { return stream_->shutdown_write(); }
  void reset() override { stream_->reset(); }

 private:
  io::Task<> wait_for_answer();

  io::Loop& loop_;
  std::unique_ptr<http::H2Stream> stream_;
  SocketAddress peer_;
  bool answered_ = false;
};

}  // namespace culvert::proxy
