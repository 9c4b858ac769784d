// SPDX-License-Identifier: Apache-2.0
#include "agent/enrol/enrol_socket.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "ztunnel/lib/io/timeout.h"

namespace culvert::enrol {

namespace {

using nlohmann::json;

Result<std::string> text_field(const json& object, const char* key);

}  // namespace

io::Task<> EnrolSocket::attend(Fd connection, net::PeerCredentials) {
  for (;;) {
    auto message = co_await io::with_timeout(
        loop_, patience_, "wait for a request",
        net::receive_message(loop_, connection.get(), kEnrolRequestBytesMax));
    if (!message) {
      co_return;
    }
    auto done = co_await as_result(carry_out(std::move(*message)));
    if (!done && done.error().code == Errc::cancelled) {
      co_await fail(done.error());
    }
    if (!done) {
      ++refusals_;
      log_.log(loop_.now(), "failed", "request failed", {{"error", done.error()}});
    }
    const std::string reply = enrol_reply(done);
    co_await io::with_timeout(loop_, patience_, "the answer to be taken",
                              net::send_message(loop_, connection.get(), as_bytes(reply)));
  }
}

io::Task<> EnrolSocket::carry_out(net::Message message) {
  auto order = co_await parse_enrol_request(as_text(message.bytes), std::move(message.fds));
  if (order.op == EnrolOrder::Op::add) {
    co_await enrolment_.add(std::move(order.pod));
  } else {
    co_await enrolment_.remove(std::move(order.pod.uid));
  }
}

Result<EnrolOrder> parse_enrol_request(std::string_view text, std::vector<Fd> fds) {
  const json request = json::parse(text, nullptr, false);
  if (!request.is_object()) {
    return fail(Errc::protocol, "the request is no JSON object");
  }
  EnrolOrder order;
  TRY(const auto op, text_field(request, "op"));
  if (op != "add" && op != "del") {
    return fail(Errc::protocol, fmt::format("\"op\" is '{}': it must be add or del", op));
  }
  order.op = op == "add" ? EnrolOrder::Op::add : EnrolOrder::Op::del;
  TRY(order.pod.uid, text_field(request, "uid"));
  TRY(order.pod.ns, text_field(request, "namespace"));
  TRY(order.pod.name, text_field(request, "name"));
  const std::size_t wanted = order.op == EnrolOrder::Op::add ? 1 : 0;
  if (fds.size() != wanted) {
    return fail(Errc::protocol,
                fmt::format("{} of {}/{} came with {} descriptors instead of {}: send the pod's "
                            "network namespace with an add and nothing with a del",
                            op, order.pod.ns, order.pod.name, fds.size(), wanted));
  }
  if (wanted == 1) {
    order.pod.netns = std::move(fds.front());
  }
  return order;
}

std::string enrol_reply(const Result<>& outcome) {
  json reply = {{"ok", outcome.has_value()}};
  if (!outcome) {
    reply["error"] = to_string(outcome.error());
  }
  return reply.dump(-1, ' ', false, json::error_handler_t::replace);
}

namespace {

Result<std::string> text_field(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string() ||
      found->get_ref<const std::string&>().empty()) {
    return fail(Errc::protocol, fmt::format("\"{}\" is missing or no text", key));
  }
  return found->get<std::string>();
}

}  // namespace

}  // namespace culvert::enrol
