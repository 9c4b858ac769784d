// What one language sees of the contract, to be compared with the other's.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/include/culvert_abi.h"

struct abi_view {
  unsigned long pod_bytes;
  unsigned long slot_bytes;
  unsigned long slot_role_offset;
  unsigned long passport_bytes;
  unsigned long passport_server_offset;
  unsigned long passport_client_port_offset;
  unsigned long verdict_count;
  unsigned long last_verdict;
  unsigned long mark_mask;
};

// This text is C in one file and C++ in the other.
static inline struct abi_view abi_view_here(void) {
  struct abi_view view;
  view.pod_bytes = sizeof(struct culvert_pod);
  view.slot_bytes = sizeof(struct culvert_slot);
  view.slot_role_offset = __builtin_offsetof(struct culvert_slot, role);
  view.passport_bytes = sizeof(struct culvert_passport);
  view.passport_server_offset = __builtin_offsetof(struct culvert_passport, server);
  view.passport_client_port_offset = __builtin_offsetof(struct culvert_passport, client_port);
  view.verdict_count = CULVERT_VERDICT_COUNT;
  view.last_verdict = CULVERT_VERDICT_PASSPORT_OTHER_EVENT;
  view.mark_mask = CULVERT_MARK_MASK;
  return view;
}
