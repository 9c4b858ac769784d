// Reads the classic pcap format with Ethernet frames (pcap-savefile(5)); no IPv6 extension headers,
// for none are sent here.
// SPDX-License-Identifier: Apache-2.0
#include "tests/support/capture.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>

#include "tests/support/lab_error.h"
#include "tests/support/pod.h"

namespace culvert::lab {

namespace {

constexpr std::size_t kFileHeaderBytes = 24;
constexpr std::size_t kRecordHeaderBytes = 16;
constexpr std::size_t kEthernetBytes = 14;
constexpr std::size_t kIp6Bytes = 40;
constexpr std::size_t kPortsBytes = 4;
constexpr int kTcp = 6;
constexpr int kHbonePort = 15008;

Packet decode(std::string_view frame);

std::uint8_t byte_at(std::string_view text, std::size_t at) {
  return static_cast<std::uint8_t>(text[at]);
}

int be16_at(std::string_view text, std::size_t at) {
  return byte_at(text, at) << 8 | byte_at(text, at + 1);
}

std::string address_at(std::string_view text, std::size_t at, int family) {
  std::array<char, INET6_ADDRSTRLEN> out{};
  ::inet_ntop(family, text.data() + at, out.data(), out.size());
  return out.data();
}

}  // namespace

Capture::Capture(const std::string& netns, std::string_view interface, std::string file)
    : file_(std::move(file)) {
  tcpdump_ = Process::start({netns, {}},
                            {"tcpdump", "-i", std::string(interface), "-w", file_, "-U",
                             "--immediate-mode", "-Z", "root", "-B", "16384", "-n"},
                            file_ + ".log");
  expect(eventually(10s, [&] { return tcpdump_.log().find("listening on") != std::string::npos; }),
         "tcpdump in {} does not listen: {}", netns, tcpdump_.log());
}

void Capture::stop() {
  if (tcpdump_.pid() > 0) {
    // What is under way on the wire gets there within a moment.
    std::this_thread::sleep_for(200ms);
    tcpdump_.send(SIGINT);
    expect(tcpdump_.wait(5s).has_value(), "tcpdump does not end");
  }
}

bool Capture::holds(std::string_view bytes) const {
  return read_file(file_).find(bytes) != std::string::npos;
}

std::vector<Packet> Capture::packets() const {
  const std::string text = read_file(file_);
  std::vector<Packet> packets;
  std::size_t at = kFileHeaderBytes;
  while (at + kRecordHeaderBytes <= text.size()) {
    std::uint32_t length = 0;  // of what was captured, in the byte order of this machine
    std::memcpy(&length, text.data() + at + 8, sizeof(length));
    at += kRecordHeaderBytes;
    const std::string_view frame = std::string_view(text).substr(at, length);
    packets.push_back(decode(frame));
    at += length;
  }
  return packets;
}

std::set<int> Capture::ports_between(const Pod& one, const Pod& other) const {
  return ports_between({one.ip4(), one.ip6()}, {other.ip4(), other.ip6()});
}

std::set<int> Capture::ports_between(const std::set<std::string>& one,
                                     const std::set<std::string>& other) const {
  std::set<int> ports;
  for (const Packet& packet : packets()) {
    const bool between = (one.contains(packet.source) && other.contains(packet.destination)) ||
                         (other.contains(packet.source) && one.contains(packet.destination));
    if (between && packet.protocol == kTcp) {
      const bool hbone = packet.source_port == kHbonePort || packet.destination_port == kHbonePort;
      ports.insert(hbone ? kHbonePort : std::min(packet.source_port, packet.destination_port));
    }
  }
  return ports;
}

namespace {

Packet decode(std::string_view frame) {
  Packet packet;
  if (frame.size() < kEthernetBytes + 20) {
    return packet;
  }
  const int kind = be16_at(frame, 12);
  const std::string_view ip = frame.substr(kEthernetBytes);
  std::size_t header = 0;
  if (kind == 0x0800) {
    header = static_cast<std::size_t>(byte_at(ip, 0) & 0xf) * 4;
    packet.protocol = byte_at(ip, 9);
    packet.source = address_at(ip, 12, AF_INET);
    packet.destination = address_at(ip, 16, AF_INET);
  } else if (kind == 0x86dd && ip.size() >= kIp6Bytes) {
    header = kIp6Bytes;
    packet.protocol = byte_at(ip, 6);
    packet.source = address_at(ip, 8, AF_INET6);
    packet.destination = address_at(ip, 24, AF_INET6);
  }
  if (packet.protocol == kTcp && ip.size() >= header + kPortsBytes) {
    packet.source_port = be16_at(ip, header);
    packet.destination_port = be16_at(ip, header + 2);
  }
  return packet;
}

}  // namespace

}  // namespace culvert::lab
