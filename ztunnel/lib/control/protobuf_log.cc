// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/control/protobuf_log.h"

#include <google/protobuf/stubs/logging.h>

namespace culvert::control {

void silence_protobuf_log() {
  google::protobuf::SetLogHandler(nullptr);
}

}  // namespace culvert::control
