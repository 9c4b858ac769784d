// FakeDaemon: something that listens where a daemon's admin socket is expected and sends what the
// test says, for all the ways in which an answer can be wrong.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>

#include "ztunnel/lib/base/fd.h"

namespace culvert::ctl {

class FakeDaemon {
 public:
  // Serves one connection: reads a request, sends `answer`, waits for `linger`, closes.
  explicit FakeDaemon(std::string answer, std::chrono::milliseconds linger = {});
  ~FakeDaemon();
  FakeDaemon(const FakeDaemon&) = delete;
  FakeDaemon& operator=(const FakeDaemon&) = delete;

  const std::string& folder() const { return folder_; }
  std::string socket() const { return folder_ + "/ztunnel-admin.sock"; }
  // request is what the client sent; read it after the exchange.
  const std::string& request() const { return request_; }

 private:
  void serve(const std::string& answer, std::chrono::milliseconds linger);

  std::string folder_;
  Fd listener_;
  std::string request_;
  std::thread thread_;
};

}  // namespace culvert::ctl
