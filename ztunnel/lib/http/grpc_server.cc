// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/http/grpc.h"
#include "ztunnel/lib/io/scope.h"

namespace culvert::http {

io::Task<> GrpcServer::serve(io::Loop& loop, std::unique_ptr<net::Stream> transport) {
  H2Connection connection(loop, std::move(transport), H2Role::server);
  io::Scope calls(loop, io::Scope::OnFailure::ignore);
  io::Scope scope(loop);
  scope.spawn(connection.run());
  scope.spawn(accept_calls(connection, calls));
  auto ended = co_await io::as_result(scope.join());
  // A method may wait for something else than its call: nobody wants its answer any more.
  calls.cancel();
  (void)co_await io::as_result(calls.join());
  co_await std::move(ended);
}

io::Task<> GrpcServer::accept_calls(H2Connection& connection, io::Scope& calls) {
  while (auto stream = co_await connection.accept()) {
    calls.spawn(answer(std::move(stream)));
  }
}

io::Task<> GrpcServer::answer(std::unique_ptr<H2Stream> stream) {
  const std::string* path = find_header(stream->request(), ":path");
  const auto method = path == nullptr ? methods_.end() : methods_.find(*path);
  GrpcCall call(std::move(stream), H2Role::server, message_bytes_max_);
  if (method == methods_.end()) {
    co_await call.finish({.code = GrpcCode::unimplemented, .message = "there is no such method"});
    co_return;
  }
  auto result = co_await io::as_result(method->second(call));
  co_await call.finish(result ? GrpcStatus{} : to_status(result.error()));
}

}  // namespace culvert::http
