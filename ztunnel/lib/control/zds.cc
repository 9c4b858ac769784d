// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/control/zds.h"

#include <fmt/format.h>

#include "ztunnel/lib/control/proto/zds.pb.h"

namespace culvert::control {

namespace {

namespace pb = istio::workload::zds;

void fill(pb::WorkloadRequest& message, const ZdsAdd& add);
void fill(pb::WorkloadRequest& message, const ZdsKeep& keep);
void fill(pb::WorkloadRequest& message, const ZdsDel& del);
void fill(pb::WorkloadRequest& message, const ZdsSnapshotSent& sent);

template <class Message>
Result<Message> parse(std::string_view packet, std::string_view what);

}  // namespace

std::string encode_hello(const ZdsHello& hello) {
  pb::ZdsHello message;
  message.set_version(pb::V1);
  message.set_takes_listeners(hello.takes_listeners);
  return message.SerializeAsString();
}

Result<std::string> encode_request(const ZdsRequest& request) {
  pb::WorkloadRequest message;
  std::visit([&](const auto& payload) { fill(message, payload); }, request);
  std::string bytes = message.SerializeAsString();
  if (bytes.size() > kZdsPacketBytesMax) {
    return fail(Errc::limit, fmt::format("the ZDS message has {} bytes, {} is the most: the pod's "
                                         "uid, name, namespace or service account is too long",
                                         bytes.size(), kZdsPacketBytesMax));
  }
  return bytes;
}

std::string encode_ack(std::string_view error) {
  pb::WorkloadResponse message;
  std::string cut(error.substr(0, kZdsErrorBytesMax));
  for (char& c : cut) {  // a protobuf string is UTF-8, and a cut could split a character
    c = (c & 0x80) != 0 ? '?' : c;
  }
  message.mutable_ack()->set_error(std::move(cut));
  return message.SerializeAsString();
}

Result<ZdsHello> decode_hello(std::string_view packet) {
  TRY(const auto message, parse<pb::ZdsHello>(packet, "ZDS hello"));
  if (message.version() != pb::V1) {
    return fail(Errc::protocol, fmt::format("ZDS hello: version {} is not spoken here, only V1",
                                            static_cast<int>(message.version())));
  }
  return ZdsHello{.takes_listeners = message.takes_listeners()};
}

Result<ZdsRequest> decode_request(std::string_view packet) {
  TRY(const auto message, parse<pb::WorkloadRequest>(packet, "ZDS request"));
  switch (message.payload_case()) {
    case pb::WorkloadRequest::kAdd: {
      const auto& add = message.add();
      if (!add.has_workload_info()) {
        return fail(Errc::protocol, fmt::format("ZDS Add of {}: no workload_info", add.uid()));
      }
      const auto& workload = add.workload_info();
      return ZdsRequest(ZdsAdd{.uid = add.uid(),
                               .workload = {.name = workload.name(),
                                            .ns = workload.namespace_(),
                                            .service_account = workload.service_account()}});
    }
    case pb::WorkloadRequest::kKeep: return ZdsRequest(ZdsKeep{.uid = message.keep().uid()});
    case pb::WorkloadRequest::kDel: return ZdsRequest(ZdsDel{.uid = message.del().uid()});
    case pb::WorkloadRequest::kSnapshotSent: return ZdsRequest(ZdsSnapshotSent{});
    case pb::WorkloadRequest::PAYLOAD_NOT_SET: break;
  }
  return fail(Errc::protocol, "ZDS request: no payload that is known");
}

Result<std::string> decode_ack(std::string_view packet) {
  TRY(const auto message, parse<pb::WorkloadResponse>(packet, "ZDS response"));
  if (!message.has_ack()) {
    return fail(Errc::protocol, "ZDS response: not an acknowledgement");
  }
  return message.ack().error();
}

namespace {

void fill(pb::WorkloadRequest& message, const ZdsAdd& add) {
  auto& payload = *message.mutable_add();
  payload.set_uid(add.uid);
  auto& workload = *payload.mutable_workload_info();
  workload.set_name(add.workload.name);
  workload.set_namespace_(add.workload.ns);
  workload.set_service_account(add.workload.service_account);
}

void fill(pb::WorkloadRequest& message, const ZdsKeep& keep) {
  message.mutable_keep()->set_uid(keep.uid);
}

void fill(pb::WorkloadRequest& message, const ZdsDel& del) {
  message.mutable_del()->set_uid(del.uid);
}

void fill(pb::WorkloadRequest& message, const ZdsSnapshotSent&) {
  message.mutable_snapshot_sent();
}

template <class Message>
Result<Message> parse(std::string_view packet, std::string_view what) {
  Message message;
  if (!message.ParseFromArray(packet.data(), static_cast<int>(packet.size()))) {
    return fail(Errc::protocol,
                fmt::format("{}: {} bytes that are no such message", what, packet.size()));
  }
  return message;
}

}  // namespace

}  // namespace culvert::control
