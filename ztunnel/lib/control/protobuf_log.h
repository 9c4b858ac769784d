// The protobuf library writes a line of its own to stderr for each message that it can't read.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace culvert::control {

// silence_protobuf_log turns that off: peers decide how many such lines there are, and our own
// errors say what matters. Call it once, before the first message is read.
void silence_protobuf_log();

}  // namespace culvert::control
