// Source: where the objects of the mesh come from, as the agent sees it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "agent/mesh/objects.h"
#include "ztunnel/lib/io/loop.h"
#include "ztunnel/lib/io/task.h"

namespace culvert::mesh {

class Source {
 public:
  Source() = default;
  Source(Source&&) = default;
  Source& operator=(Source&&) = default;
  virtual ~Source() = default;

  // wait ends when refresh() may have something new; at once if that is so already.
  virtual io::Task<> wait(io::Loop& loop) = 0;

  // refresh takes in what is new; true if objects(), problems() or complete() differ from before.
  virtual bool refresh() = 0;

  virtual const Objects& objects() const = 0;
  virtual std::vector<Problem> problems() const = 0;

  // complete is false while objects may be missing that were never seen, policies among them: the
  // agent must not announce the mesh as whole then.
  virtual bool complete() const = 0;

  // description says for a person what is followed and what of it is not there.
  virtual std::string description() const = 0;
};

}  // namespace culvert::mesh
