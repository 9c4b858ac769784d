// SPDX-License-Identifier: Apache-2.0
#include "agent/enrol/enrol_socket.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

#include "ztunnel/lib/io/timeout.h"

namespace culvert::enrol {

namespace {

using nlohmann::json;

struct OpRule {
  std::string_view name;
  EnrolOrder::Op op;
  std::size_t fds_min;
  std::size_t fds_max;
};
constexpr OpRule kOps[] = {
    {"add", EnrolOrder::Op::add, 1, 1},
    {"check", EnrolOrder::Op::check, 1, 1},
    {"del", EnrolOrder::Op::del, 0, 1},
    {"status", EnrolOrder::Op::status, 0, 0},
};

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

io::Task<std::optional<Place>> EnrolSocket::carry_out(net::Message message) {
  auto order = co_await parse_enrol_request(as_text(message.bytes), std::move(message.fds));
  switch (order.op) {
    case EnrolOrder::Op::add: co_return co_await enrolment_.add(std::move(order.pod));
    case EnrolOrder::Op::check: co_return co_await enrolment_.check(std::move(order.pod));
    case EnrolOrder::Op::del: co_await enrolment_.remove(std::move(order.pod)); break;
    case EnrolOrder::Op::status: break;  // that it is answered is the answer
  }
  co_return std::nullopt;
}

Result<EnrolOrder> parse_enrol_request(std::string_view text, std::vector<Fd> fds) {
  const json request = json::parse(text, nullptr, false);
  if (!request.is_object()) {
    return fail(Errc::protocol, "the request is no JSON object");
  }
  EnrolOrder order;
  TRY(const auto op, text_field(request, "op"));
  const auto* const rule = std::ranges::find(kOps, op, &OpRule::name);
  if (rule == std::end(kOps)) {
    return fail(Errc::protocol,
                fmt::format("\"op\" is '{}': it must be add, check, del or status", op));
  }
  order.op = rule->op;
  if (order.op != EnrolOrder::Op::status) {
    TRY(order.pod.uid, text_field(request, "uid"));
    TRY(order.pod.ns, text_field(request, "namespace"));
    TRY(order.pod.name, text_field(request, "name"));
  }
  if (fds.size() < rule->fds_min || fds.size() > rule->fds_max) {
    return fail(Errc::protocol,
                fmt::format("{} of {}/{} came with {} descriptors: send the pod's network "
                            "namespace with an add and a check, at most that with a del, and "
                            "nothing with a status",
                            op, order.pod.ns, order.pod.name, fds.size()));
  }
  if (!fds.empty()) {
    order.pod.netns = std::move(fds.front());
  }
  return order;
}

std::string enrol_reply(const Result<std::optional<Place>>& outcome) {
  json reply = {{"ok", outcome.has_value()}};
  if (!outcome) {
    reply["error"] = to_string(outcome.error());
  } else if (*outcome) {
    reply["state"] = **outcome == Place::captured ? "captured" : "outside";
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
