// culvert-load: the traffic of the tests and the demo: an echo server and clients that measure and
// count.
// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "tests/support/load/protocol.h"

namespace {

constexpr const char* kUsage =
    "culvert-load echo PORT\n"
    "culvert-load connections ADDRESS PORT COUNT PARALLEL   open, 1 KiB echo, close\n"
    "culvert-load requests ADDRESS PORT CONNECTIONS SECONDS  1 KiB echo on each, over and over\n"
    "culvert-load bulk ADDRESS PORT SECONDS                  one stream, as fast as it goes\n"
    "culvert-load sleepers ADDRESS PORT COUNT                connections whose reader sleeps\n"
    "culvert-load hold ADDRESS PORT                          one connection, until it is cut\n"
    "Exit code: 0 all well, 1 nothing could be done, 2 usage, 3 something was lost or cut.\n";

}  // namespace

int main(int argc, char** argv) {
  using namespace culvert::load;
  const std::string verb = argc > 1 ? argv[1] : "";
  const auto text = [&](int i) { return std::string(argv[i]); };
  const auto number = [&](int i) { return std::atoi(argv[i]); };
  if (verb == "echo" && argc == 3) {
    return serve(number(2));
  }
  if (verb == "connections" && argc == 6) {
    return measure_connections(text(2), number(3), number(4), number(5));
  }
  if (verb == "requests" && argc == 6) {
    return measure_requests(text(2), number(3), number(4), number(5));
  }
  if (verb == "bulk" && argc == 5) {
    return measure_bulk(text(2), number(3), number(4));
  }
  if (verb == "sleepers" && argc == 5) {
    return keep_sleepers(text(2), number(3), number(4));
  }
  if (verb == "hold" && argc == 4) {
    return hold_open(text(2), number(3));
  }
  std::fputs(kUsage, stderr);
  return 2;
}
