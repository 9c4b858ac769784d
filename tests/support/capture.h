// What went over the wire between the nodes and pods: tcpdump on the bridge, read back as packets.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/process.h"

namespace culvert::lab {

class Pod;

struct Packet {
  std::string source;       // address, as text
  std::string destination;  // address, as text
  int protocol = 0;         // 6 is TCP
  int source_port = 0;
  int destination_port = 0;
};

class Capture {
 public:
  // Starts tcpdump on the interface and returns when it listens.
  Capture(const std::string& netns, std::string_view interface, std::string file);

  // stop ends tcpdump; everything below wants it stopped.
  void stop();

  // holds tells whether the bytes stand anywhere in the capture (one packet must hold all of them).
  bool holds(std::string_view bytes) const;
  std::vector<Packet> packets() const;
  // ports_between gives the service ports of the TCP packets between two pods (by all addresses
  // that each has), in both directions: 15008 where a side of the packet has it, else the smaller
  // port of the two.
  std::set<int> ports_between(const Pod& one, const Pod& other) const;
  std::set<int> ports_between(const std::set<std::string>& one,
                              const std::set<std::string>& other) const;

 private:
  std::string file_;
  Process tcpdump_;
};

}  // namespace culvert::lab
