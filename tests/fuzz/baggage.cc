// What a peer says of itself in `baggage`. What it proved wins over what it says, nothing is longer
// than what came, and what is read is written and read back as the same workload.
// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/base/assert.h"
#include "ztunnel/proxy/hbone.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace culvert;
  const SpiffeId proved{"cluster.local", "shop", "client"};
  const auto said = as_text({bytes, size});
  const auto workload = proxy::workload_from_baggage(said, proved);
  CULVERT_ASSERT(workload->identity() == proved);
  // What would let it be taken for somebody in policy or routing stays empty.
  CULVERT_ASSERT(workload->uid.empty() && workload->addresses.empty());
  CULVERT_ASSERT(workload->authorization_policies.empty() && workload->services.empty());
  CULVERT_ASSERT(workload->workload_name.size() + workload->canonical_name.size() +
                     workload->canonical_revision.size() + workload->cluster_id.size() +
                     workload->locality.region.size() + workload->locality.zone.size() <=
                 size);
  const auto again = proxy::workload_from_baggage(proxy::baggage_of(*workload), proved);
  CULVERT_ASSERT(*again == *workload);
  return 0;
}
