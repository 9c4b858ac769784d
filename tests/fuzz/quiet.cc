// Targets of protobufs: the library is as silent as in our programs.
// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/control/protobuf_log.h"

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  culvert::control::silence_protobuf_log();
  return 0;
}
