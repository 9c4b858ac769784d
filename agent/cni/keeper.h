// Keeper: puts culvert-cni into the node's CNI configuration and keeps it there while others write
// to it. Owns the watching and the pace; what is done to the files is conf_dir.h's.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "agent/cni/conflist.h"
#include "ztunnel/lib/base/fd.h"
#include "ztunnel/lib/base/result.h"
#include "ztunnel/lib/io/loop.h"
#include "ztunnel/lib/io/task.h"

namespace culvert::cni {

class Keeper {
 public:
  struct Options {
    std::string conf_dir;      // empty: nothing is kept
    std::string bin_dir;       // empty: somebody else installs the program
    std::string program;       // the culvert-cni to copy to bin_dir
    EntryOptions entry;        // what it is told
    int repairs_in_a_row = 5;  // others may have their reasons to write a few times
    // 20 ms: half-written files are read once they are whole.
    io::Duration settle_time = std::chrono::milliseconds(20);
    // 30 s: how often two writers that undo each other's work may do so; also how often folders
    // that can't be watched are tried again.
    io::Duration pause = std::chrono::seconds(30);
  };

  Keeper(io::Loop& loop, Options options);

  // run keeps until it is cancelled. Nothing that is wrong with the files ends it.
  io::Task<> run();

  // problems gives one sentence for each thing that is not as it should be.
  std::vector<std::string> problems() const;

 private:
  Result<> watch();
  void forget_events();
  void repair();
  void pay_back();
  void keep_program();
  io::Task<> wait_for_change();

  io::Loop& loop_;
  Options options_;
  std::string entry_;
  Fd inotify_;
  int budget_;
  io::TimePoint next_;  // when the budget grows by one
  bool placed_ = false;
  bool waits_ = false;  // there is something to do, and no budget for it
  std::vector<std::string> problems_;
  std::string watch_problem_;
  std::string program_problem_;
};

}  // namespace culvert::cni
