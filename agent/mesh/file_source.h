// FileSource: the objects in a folder of YAML files, and a descriptor that tells when to look
// again. It owns no thread and never blocks but on the disk.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "agent/mesh/objects.h"
#include "agent/mesh/source.h"
#include "agent/mesh/yaml_file.h"
#include "ztunnel/lib/base/fd.h"
#include "ztunnel/lib/base/result.h"

namespace culvert::mesh {

class FileSource final : public Source {
 public:
  // A file of 16 MiB holds some ten thousand pods as kubectl prints them.
  static constexpr std::size_t kFileBytesMax = std::size_t{16} << 20;
  static constexpr std::size_t kFilesMax = 10'000;

  // open watches `folder` and reads it once. Fails with `config` if it is no readable folder.
  static Result<FileSource> open(std::string folder);

  // watch_fd is readable when there is something to refresh.
  int watch_fd() const { return inotify_.get(); }
  io::Task<> wait(io::Loop& loop) override;

  // refresh drains the watch and reads what has changed. A file that breaks keeps its last good
  // objects; a file that is gone loses them. Files should be replaced by rename: half a file may be
  // valid YAML.
  bool refresh() override;

  // Every *.yaml, *.yml and *.json of the folder itself, hidden ones left out, in order of names;
  // of an object that is in two files the last one counts.
  const Objects& objects() const override { return objects_; }
  std::vector<Problem> problems() const override { return problems_; }

  // complete is false while some file has never been read well: policies may be missing then.
  bool complete() const override { return complete_; }

  std::string description() const override;

 private:
  // Stamp tells without reading whether a file may have changed.
  struct Stamp {
    ino_t inode = 0;
    off_t size = 0;
    std::int64_t mtime_ns = 0;
    bool operator==(const Stamp&) const = default;
  };
  struct File {
    Stamp stamp;
    bool racy = false;  // written so shortly before the read that the next write may look the same
    bool read_well = false;
    Objects objects;  // the last good ones
    std::vector<Problem> problems;
  };

  explicit FileSource(std::string folder) : folder_(std::move(folder)) {}
  Result<> watch();
  void drain();
  std::vector<std::string> list();
  bool read_anew(const std::string& name, File& file);
  Result<std::string> read(const std::string& path, std::size_t size) const;
  void merge();

  std::string folder_;
  Fd inotify_;
  int watch_ = -1;
  std::map<std::string, File> files_;
  std::vector<Problem> folder_problems_;
  Objects objects_;
  std::vector<Problem> problems_;
  bool complete_ = true;
};

}  // namespace culvert::mesh
