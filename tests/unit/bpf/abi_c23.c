// The contract and the decisions as C23, the language of bpf/.
// SPDX-License-Identifier: Apache-2.0
#include "bpf/include/culvert_abi.h"
#include "bpf/lib/capture.h"
#include "bpf/lib/steer.h"
#include "tests/unit/bpf/abi_view.h"

static_assert(__STDC_VERSION__ >= 202000L, "compiled as C23");

struct abi_view abi_view_of_c(void);

struct abi_view abi_view_of_c(void) {
  return abi_view_here();
}
