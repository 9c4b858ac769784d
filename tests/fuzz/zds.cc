// One packet of ZDS, read by each end: the hello and the acknowledgements that the agent reads, the
// requests that ztunnel reads. What is understood is encoded and decoded as the same, and fits into
// a packet whenever it came in one; a failure is a sentence that itself fits into an answer.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "ztunnel/lib/base/assert.h"
#include "ztunnel/lib/base/bytes.h"
#include "ztunnel/lib/control/zds.h"

namespace culvert::control {
namespace {

bool same(const ZdsRequest& a, const ZdsRequest& b) {
  if (a.index() != b.index()) {
    return false;
  }
  if (const auto* add = std::get_if<ZdsAdd>(&a)) {
    const auto& other = std::get<ZdsAdd>(b);
    return add->uid == other.uid && add->workload == other.workload;
  }
  if (const auto* keep = std::get_if<ZdsKeep>(&a)) {
    return keep->uid == std::get<ZdsKeep>(b).uid;
  }
  if (const auto* del = std::get_if<ZdsDel>(&a)) {
    return del->uid == std::get<ZdsDel>(b).uid;
  }
  return true;
}

template <class Answer>
bool refused(const Result<Answer>& answer) {
  if (answer) {
    return false;
  }
  CULVERT_ASSERT(answer.error().code == Errc::protocol);
  CULVERT_ASSERT(encode_ack(answer.error().context).size() <= kZdsPacketBytesMax);
  return true;
}

void check_request(std::string_view packet) {
  const auto request = decode_request(packet);
  if (refused(request)) {
    return;
  }
  const auto encoded = encode_request(*request);
  if (!encoded) {
    CULVERT_ASSERT(encoded.error().code == Errc::limit);
    CULVERT_ASSERT(packet.size() + 16 > kZdsPacketBytesMax);
    return;
  }
  CULVERT_ASSERT(encoded->size() <= kZdsPacketBytesMax);
  const auto again = decode_request(*encoded);
  CULVERT_ASSERT(again && same(*again, *request));
}

void check_hello(std::string_view packet) {
  const auto hello = decode_hello(packet);
  if (!refused(hello)) {
    const auto again = decode_hello(encode_hello(*hello));
    CULVERT_ASSERT(again && again->takes_listeners == hello->takes_listeners);
  }
}

void check_ack(std::string_view packet) {
  const auto ack = decode_ack(packet);
  if (refused(ack)) {
    return;
  }
  const auto encoded = encode_ack(*ack);
  CULVERT_ASSERT(encoded.size() <= kZdsPacketBytesMax);
  const auto again = decode_ack(encoded);
  CULVERT_ASSERT(again && again->empty() == ack->empty());
  CULVERT_ASSERT(again->size() == std::min(ack->size(), kZdsErrorBytesMax));
}

}  // namespace
}  // namespace culvert::control

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto packet = culvert::as_text({bytes, size});
  culvert::control::check_hello(packet);
  culvert::control::check_request(packet);
  culvert::control::check_ack(packet);
  return 0;
}
