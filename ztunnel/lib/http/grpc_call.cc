// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <charconv>

#include "ztunnel/lib/http/grpc.h"

namespace culvert::http {
namespace {

constexpr std::size_t kPrefixBytes = 5;  // compressed flag, then the length in network order
// A message's buffer grows with the bytes that came, never with the length that a peer claims.
constexpr std::size_t kReadBytesMax = 64 * 1024;

// grpc-message is percent-encoded outside of the printable ASCII characters.
std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte <= 0x7e && c != '%') {
      out += c;
    } else {
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned byte = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 3, byte, 16).ptr ==
            text.data() + i + 3) {
      out += static_cast<char>(byte);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

HeaderList status_headers(const GrpcStatus& status) {
  HeaderList headers{{"grpc-status", std::to_string(static_cast<int>(status.code))}};
  if (!status.message.empty()) {
    headers.push_back({"grpc-message", percent_encoded(status.message)});
  }
  return headers;
}

std::optional<GrpcStatus> status_in(const HeaderList& headers) {
  const std::string* code = find_header(headers, "grpc-status");
  if (code == nullptr) {
    return std::nullopt;
  }
  std::uint8_t number = static_cast<std::uint8_t>(GrpcCode::unknown);
  std::from_chars(code->data(), code->data() + code->size(), number);
  const std::string* message = find_header(headers, "grpc-message");
  return GrpcStatus{.code = static_cast<GrpcCode>(number),
                    .message = message == nullptr ? "" : percent_decoded(*message)};
}

}  // namespace

GrpcCall::GrpcCall(std::unique_ptr<H2Stream> stream, H2Role role, std::size_t message_bytes_max)
    : stream_(std::move(stream)), role_(role), message_bytes_max_(message_bytes_max) {}

GrpcCall::~GrpcCall() {
  const bool answered = role_ == H2Role::server && finished_;
  if (stream_ != nullptr && !answered) {
    stream_->reset(ResetCode::cancel);  // without effect on a stream that has ended
  }
}

io::Task<> GrpcCall::send(std::string message) {
  if (role_ == H2Role::server && !response_seen_) {
    response_seen_ = true;
    co_await stream_->respond(200, {{"content-type", "application/grpc"}});
  }
  const auto size = static_cast<std::uint32_t>(message.size());
  const std::array<char, kPrefixBytes> prefix{
      0, static_cast<char>(size >> 24), static_cast<char>(size >> 16), static_cast<char>(size >> 8),
      static_cast<char>(size)};
  message.insert(message.begin(), prefix.begin(), prefix.end());
  co_await stream_->write_all(as_bytes(message));
}

io::Task<std::optional<std::string>> GrpcCall::receive() {
  if (role_ == H2Role::client && !response_seen_) {
    co_await read_response();
  }
  std::array<std::uint8_t, kPrefixBytes> prefix{};
  const std::size_t have = status_ ? 0 : co_await read_exactly(prefix);
  if (have == 0) {
    if (role_ == H2Role::client) {
      co_await read_end();
    }
    co_return std::nullopt;
  }
  if (have < kPrefixBytes || prefix[0] != 0) {
    co_await fail(Errc::protocol, have < kPrefixBytes
                                      ? "a gRPC message was cut off"
                                      : "a gRPC message is compressed, which was not offered");
  }
  const std::size_t size =
      static_cast<std::size_t>(prefix[1]) << 24 | prefix[2] << 16 | prefix[3] << 8 | prefix[4];
  if (size > message_bytes_max_) {
    co_await fail(Errc::limit, "a gRPC message of " + std::to_string(size) + " bytes exceeds the " +
                                   std::to_string(message_bytes_max_) + " that are taken");
  }
  std::string message;
  while (message.size() < size) {
    const std::size_t before = message.size();
    const std::size_t piece = std::min(size - before, std::max(kReadBytesMax, before));
    message.resize(before + piece);
    const std::size_t got =
        co_await read_exactly({reinterpret_cast<std::uint8_t*>(message.data()) + before, piece});
    if (got < piece) {
      co_await fail(Errc::protocol, "a gRPC message was cut off");
    }
  }
  co_return message;
}

io::Task<> GrpcCall::end_requests() {
  co_await stream_->shutdown_write();
}

io::Task<std::size_t> GrpcCall::read_exactly(MutableBytes into) {
  std::size_t have = 0;
  while (have < into.size()) {
    const std::size_t n = co_await stream_->read_some(into.subspan(have));
    if (n == 0) {
      break;
    }
    have += n;
  }
  co_return have;
}

io::Task<> GrpcCall::read_response() {
  const HeaderList response = co_await stream_->response();
  response_seen_ = true;
  if (const std::string* status = find_header(response, ":status"); *status != "200") {
    co_await fail(Errc::unavailable, "the gRPC server answered with HTTP status " + *status,
                  Side::upstream);
  }
  status_ = status_in(response);  // an answer of trailers only
}

io::Task<> GrpcCall::read_end() {
  if (!status_) {
    status_ = status_in(stream_->trailers());
  }
  if (!status_) {
    status_ =
        GrpcStatus{.code = GrpcCode::unavailable, .message = "the call ended without a status"};
  }
  if (status_->code != GrpcCode::ok) {
    co_await fail(to_error(*status_));
  }
}

io::Task<> GrpcCall::finish(GrpcStatus status) {
  if (finished_) {
    co_return;
  }
  finished_ = true;
  HeaderList headers = status_headers(status);
  if (response_seen_) {
    co_await stream_->finish(std::move(headers));
    co_return;
  }
  response_seen_ = true;
  headers.insert(headers.begin(), {"content-type", "application/grpc"});
  co_await stream_->respond(200, std::move(headers), /* end_stream= */ true);
}

}  // namespace culvert::http
