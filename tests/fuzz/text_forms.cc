// The text forms that peers and people give us: SPIFFE IDs, addresses, addresses with ports,
// blocks. What is read must be written and read back as the same value, and the canonical text must
// not change any more; what a block holds must agree with comparing bits.
// SPDX-License-Identifier: Apache-2.0
#include <cstdint>

#include "ztunnel/lib/base/address.h"
#include "ztunnel/lib/base/assert.h"
#include "ztunnel/lib/base/identity.h"

namespace culvert {
namespace {

template <class Value>
void check_round_trip(std::string_view text) {
  const auto value = Value::parse(text);
  if (!value) {
    CULVERT_ASSERT(!value.error().context.empty());
    return;
  }
  const std::string canonical = to_string(*value);
  const auto again = Value::parse(canonical);
  CULVERT_ASSERT(again && *again == *value);
  CULVERT_ASSERT(to_string(*again) == canonical);
}

bool bit(const IpAddress& ip, unsigned index) {
  return ((ip.octets()[index / 8] >> (7 - index % 8)) & 1) != 0;
}

void check_block(std::string_view text) {
  const auto cidr = Cidr::parse(text);
  if (!cidr) {
    return;
  }
  CULVERT_ASSERT(cidr->contains(cidr->ip));
  for (const auto& other : {IpAddress::loopback_v4(), IpAddress::loopback_v6(), IpAddress()}) {
    bool same = other.is_v4() == cidr->ip.is_v4();
    for (unsigned i = 0; same && i < cidr->prefix_bits; ++i) {
      same = bit(other, i) == bit(cidr->ip, i);
    }
    CULVERT_ASSERT(cidr->contains(other) == same);
  }
}

void check_sockaddr(std::string_view text) {
  const auto address = SocketAddress::parse(text);
  if (address) {
    sockaddr_storage storage{};
    address->to_sockaddr(storage);
    const auto again = SocketAddress::from_sockaddr(storage);
    CULVERT_ASSERT(again && *again == *address);
  }
}

}  // namespace
}  // namespace culvert

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace culvert;
  const auto text = as_text({bytes, size});
  check_round_trip<SpiffeId>(text);
  check_round_trip<IpAddress>(text);
  check_round_trip<SocketAddress>(text);
  check_round_trip<Cidr>(text);
  check_block(text);
  check_sockaddr(text);
  return 0;
}
