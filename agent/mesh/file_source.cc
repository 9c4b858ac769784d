// SPDX-License-Identifier: Apache-2.0
#include "agent/mesh/file_source.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

namespace culvert::mesh {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;  // nanoseconds

// A change of a file's length and content within one tick of the file system's clock may leave its
// stamp as it was. Two seconds covers every file system in use.
constexpr std::int64_t kRacyWindow = 2 * kSecond;

constexpr std::uint32_t kWatched = IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM |
                                   IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF;

bool is_yaml_name(std::string_view name) {
  return !name.starts_with('.') &&
         (name.ends_with(".yaml") || name.ends_with(".yml") || name.ends_with(".json"));
}

std::int64_t nanoseconds(const timespec& time) {
  return time.tv_sec * kSecond + time.tv_nsec;
}

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

std::string reason(int error) {
  return std::strerror(error);
}

}  // namespace

Result<FileSource> FileSource::open(std::string folder) {
  FileSource source(std::move(folder));
  source.inotify_ = Fd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!source.inotify_) {
    return fail_errno(errno, "inotify_init1");
  }
  TRY_VOID(source.watch());
  source.refresh();
  return source;
}

Result<> FileSource::watch() {
  watch_ = ::inotify_add_watch(inotify_.get(), folder_.c_str(), kWatched | IN_ONLYDIR);
  if (watch_ < 0) {
    const int error = errno;
    return fail(Errc::config,
                fmt::format("the source folder {} can't be watched: {}; create it or name another",
                            folder_, reason(error)));
  }
  return {};
}

void FileSource::drain() {
  alignas(inotify_event) std::array<char, 4096> buffer{};
  while (true) {
    const auto size = ::read(inotify_.get(), buffer.data(), buffer.size());
    if (size <= 0) {
      return;
    }
    for (std::size_t at = 0; at < static_cast<std::size_t>(size);) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + at, sizeof(event));
      if ((event.mask & (IN_IGNORED | IN_MOVE_SELF | IN_DELETE_SELF)) != 0 && event.wd == watch_) {
        watch_ = -1;  // the folder under this name is gone or another one now
      }
      at += sizeof(event) + event.len;
    }
  }
}

std::vector<std::string> FileSource::list() {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, CloseDirectory> directory(::opendir(folder_.c_str()));
  if (directory == nullptr) {
    folder_problems_.push_back(
        {folder_,
         {},
         fmt::format(
             "the source folder {} can't be read: {}; create it again, until then what it held "
             "stays in force",
             folder_, reason(errno))});
    for (const auto& [name, file] : files_) {
      names.push_back(name);
    }
    return names;
  }
  while (const auto* entry = ::readdir(directory.get())) {
    if (is_yaml_name(entry->d_name)) {
      names.emplace_back(entry->d_name);
    }
  }
  std::ranges::sort(names);
  if (names.size() > kFilesMax) {
    folder_problems_.push_back(
        {folder_,
         {},
         fmt::format(
             "the source folder {} holds {} files and only the first {} are read; join some",
             folder_, names.size(), kFilesMax)});
    names.resize(kFilesMax);
  }
  return names;
}

io::Task<> FileSource::wait(io::Loop& loop) {
  co_await loop.readable(inotify_.get());
}

std::string FileSource::description() const {
  return "the folder " + folder_;
}

bool FileSource::refresh() {
  drain();
  const auto old_folder_problems = std::exchange(folder_problems_, {});
  if (watch_ < 0) {
    if (const auto watched = watch(); !watched) {
      folder_problems_.push_back({folder_, {}, watched.error().context});
    }
  }
  const auto names = list();
  const bool folder_gone = !folder_problems_.empty() && names.size() == files_.size();
  bool changed = old_folder_problems != folder_problems_;
  changed |= std::erase_if(files_, [&](const auto& file) {
               return !std::ranges::binary_search(names, file.first);
             }) != 0;
  if (!folder_gone) {
    for (const auto& name : names) {
      changed |= read_anew(name, files_[name]);
    }
  }
  if (changed) {
    merge();
  }
  return changed;
}

bool FileSource::read_anew(const std::string& name, File& file) {
  const auto path = folder_ + "/" + name;
  struct stat status{};
  const auto set_problem = [&](std::string sentence) {
    std::vector<Problem> problems{{name, {}, std::move(sentence)}};
    const bool changed = file.problems != problems;
    file.problems = std::move(problems);
    return changed;
  };
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return set_problem(
        fmt::format("{}: it is no file that can be read; replace or remove it", name));
  }
  const Stamp stamp{status.st_ino, status.st_size, nanoseconds(status.st_mtim)};
  if (stamp == file.stamp && !file.racy) {
    return false;
  }
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  file.stamp = stamp;
  file.racy = nanoseconds(now) - stamp.mtime_ns < kRacyWindow;
  if (static_cast<std::size_t>(status.st_size) > kFileBytesMax) {
    return set_problem(fmt::format(
        "{}: it is over {} MiB; split it, until then what it held before stays in force", name,
        kFileBytesMax >> 20));
  }
  const auto text = read(path, static_cast<std::size_t>(status.st_size));
  if (!text) {
    file.stamp = {};  // look again next time
    return set_problem(
        fmt::format("{}: {}; what it held before stays in force", name, text.error().context));
  }
  auto fresh = read_yaml(name, *text);
  file.problems = std::move(fresh.problems);
  if (!fresh.broken) {
    visit_tables(fresh.objects, file.objects,
                 [&](const char* kind, auto& now_table, auto& old_table) {
                   for (auto& [key, object] : old_table) {
                     if (fresh.rejected.contains({kind, key})) {
                       now_table.try_emplace(key, std::move(object));
                     }
                   }
                 });
    file.objects = std::move(fresh.objects);
    file.read_well = true;
  }
  return true;
}

Result<std::string> FileSource::read(const std::string& path, std::size_t size) const {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    return fail_errno(errno, "open");
  }
  std::string text(size, '\0');
  std::size_t have = 0;
  while (have < size) {
    const auto got = ::read(fd.get(), text.data() + have, size - have);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return fail_errno(errno, "read");
    }
    if (got == 0) {
      break;  // it shrank meanwhile: the watch tells again
    }
    have += static_cast<std::size_t>(got);
  }
  text.resize(have);
  return text;
}

void FileSource::merge() {
  objects_ = {};
  problems_ = folder_problems_;
  complete_ = true;
  std::size_t left = kObjectsMax;
  for (const auto& [name, file] : files_) {
    complete_ = complete_ && file.read_well;
    problems_.insert(problems_.end(), file.problems.begin(), file.problems.end());
    if (file.objects.count() > left) {
      problems_.push_back(
          {name,
           {},
           fmt::format("{}: with it the folder holds over {} objects; it is left out, remove some",
                       name, kObjectsMax)});
      continue;
    }
    left -= file.objects.count();
    visit_tables(objects_, file.objects, [&](const char* kind, auto& all, const auto& table) {
      for (const auto& [key, object] : table) {
        if (!all.insert_or_assign(key, object).second) {
          auto what = named(kind, key);
          auto sentence = fmt::format(
              "{}: {} is in an earlier file too; this one counts, remove the other", name, what);
          problems_.push_back({name, std::move(what), std::move(sentence)});
        }
      }
    });
  }
}

}  // namespace culvert::mesh
