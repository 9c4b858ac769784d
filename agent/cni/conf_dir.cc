// SPDX-License-Identifier: Apache-2.0
#include "agent/cni/conf_dir.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>

#include "agent/cni/conflist.h"
#include "agent/cni/files.h"

namespace culvert::cni {

namespace {

namespace fs = std::filesystem;

// 256 MiB: a build with sanitizers; a release is some hundred times smaller.
constexpr std::size_t kProgramBytesMax = std::size_t{256} << 20;

struct Conf {
  std::string path;
  std::string text;
  struct stat stamp{};
};

std::string listed(const std::string& path) {
  return fs::path(path).replace_extension(".conflist");
}

// The paths that the runtimes look at, in their order.
std::vector<std::string> paths_of(const std::string& folder, std::error_code& error) {
  std::vector<std::string> paths;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const auto& path = entry->path();
    const auto name = path.filename().string();
    const auto extension = name.substr(std::min(name.rfind('.'), name.size()));
    if (extension == ".conf" || extension == ".conflist" || extension == ".json") {
      std::error_code gone;
      if (!entry->is_directory(gone)) {
        paths.push_back(path);
      }
    }
  }
  std::ranges::sort(paths);
  return paths;
}

Result<Conf> read_conf(const std::string& path) {
  Conf conf{.path = path, .text = {}};
  if (::lstat(path.c_str(), &conf.stamp) != 0) {
    return fail_errno(errno, "read " + path);
  }
  if (S_ISLNK(conf.stamp.st_mode)) {
    return fail(Errc::config, path +
                                  ": it is a link, which a rename would replace: put the file "
                                  "itself there");
  }
  TRY(conf.text, read_file(path, kConfBytesMax));
  return conf;
}

// Whether the file is still the one that was read.
bool is_unchanged(const Conf& conf) {
  struct stat now{};
  return ::lstat(conf.path.c_str(), &now) == 0 && now.st_ino == conf.stamp.st_ino &&
         now.st_size == conf.stamp.st_size && now.st_mtim.tv_sec == conf.stamp.st_mtim.tv_sec &&
         now.st_mtim.tv_nsec == conf.stamp.st_mtim.tv_nsec;
}

Result<> replace_conf(const Conf& conf, const std::string& path, std::string_view text) {
  if (!is_unchanged(conf)) {
    return fail(Errc::unavailable, conf.path + " changes right now");
  }
  return replace_file(
      path, text,
      {.mode = conf.stamp.st_mode & 07777, .uid = conf.stamp.st_uid, .gid = conf.stamp.st_gid});
}

Result<> rename_file(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) {
    return fail_errno(errno, "rename " + from + " to " + to);
  }
  return {};
}

// original_of gives the file that the list at `path` stands for, or "".
std::string original_of(const std::string& path) {
  std::error_code error;
  for (const char* extension : {".conf", ".json"}) {
    const auto original = fs::path(path).replace_extension(extension).string();
    if (fs::exists(original + kOriginalSuffix, error)) {
      return original;
    }
  }
  return {};
}

// unwrap gives a single plugin's file its name back. The list that stood for it goes if it holds
// nothing else; else it stays, without our entry, for it has become somebody's own.
Result<> unwrap(const Conf& list, const std::string& original, const std::string& without) {
  const std::string kept = original + kOriginalSuffix;
  TRY(const std::string single, read_file(kept, kConfBytesMax));
  const auto as_we_made_it = wrapped(single, entry_of({}));
  const auto plain = as_we_made_it ? without_entry(*as_we_made_it) : as_we_made_it;
  const bool is_ours_alone = plain && *plain == without;
  std::error_code error;
  if (is_ours_alone && !fs::exists(original, error)) {
    TRY_VOID(rename_file(kept, original));  // first by name again, before the list goes
    fs::remove(list.path, error);
    return {};
  }
  if (is_ours_alone) {
    fs::remove(list.path, error);  // a new file has taken the old one's name meanwhile
  } else {
    TRY_VOID(replace_conf(list, list.path, without));
  }
  fs::remove(kept, error);
  return {};
}

Result<> take_out_of(const Conf& conf) {
  TRY(const std::string without, without_entry(conf.text));
  const auto original = original_of(conf.path);
  if (conf.path.ends_with(".conflist") && !original.empty()) {
    return unwrap(conf, original, without);
  }
  return replace_conf(conf, conf.path, without);
}

bool has_entry(const Conf& conf) {
  const auto without = without_entry(conf.text);
  return without && *without != conf.text;
}

// wrap puts a list beside a single plugin's file, and then that file out of the runtimes' sight. At
// every moment one of the two is there.
Result<> wrap(const Conf& conf, std::string_view entry) {
  const auto list = listed(conf.path);
  std::error_code error;
  if (fs::exists(list, error) && original_of(list).empty()) {
    return fail(Errc::config,
                conf.path + " and " + list + " are both there: remove the one that is not in use");
  }
  TRY(const auto text, wrapped(conf.text, entry));
  TRY_VOID(replace_conf(conf, list, text));
  return rename_file(conf.path, conf.path + kOriginalSuffix);
}

// Reading is the walk over a folder that put_in and look_at share.
struct Reading {
  State state;
  std::optional<Conf> primary;
  ConfKind kind = ConfKind::list;
  std::vector<Conf> strays;  // other files with our entry
};

Reading read_folder(const std::string& folder, std::string_view entry) {
  Reading reading;
  auto& [primary, in_place, to_write, problems] = reading.state;
  std::error_code error;
  const auto paths = paths_of(folder, error);
  if (error) {
    problems.push_back("the CNI configuration in " + folder + " can't be read: " + error.message());
    return reading;
  }
  for (const auto& path : paths) {
    auto conf = read_conf(path);
    if (!conf) {
      problems.push_back(to_string(conf.error()));
      continue;
    }
    const auto kind = kind_of(conf->text);
    if (!kind) {
      problems.push_back(path + ": " + to_string(kind.error()) +
                         "; it is left alone, and new pods are not held until they are enrolled "
                         "where a runtime takes it");
    } else if (primary.empty()) {
      primary = path;
      reading.kind = *kind;
      reading.primary = std::move(*conf);
    } else if (has_entry(*conf)) {
      to_write.push_back(path);
      reading.strays.push_back(std::move(*conf));
    }
  }
  if (primary.empty()) {
    problems.push_back(folder +
                       " has no CNI configuration that can be used yet: culvert-cni waits "
                       "for the one of the cluster's network");
    return reading;
  }
  const auto with = reading.kind == ConfKind::list ? with_entry(reading.primary->text, entry)
                                                   : Result<std::string>(std::string());
  if (!with) {
    problems.push_back(primary + ": " + to_string(with.error()));
  } else if (*with == reading.primary->text) {
    in_place = true;
  } else {
    to_write.push_back(primary);
  }
  return reading;
}

}  // namespace

State look_at(const std::string& folder, std::string_view entry) {
  return read_folder(folder, entry).state;
}

State put_in(const std::string& folder, std::string_view entry) {
  Reading reading = read_folder(folder, entry);
  std::vector<std::string> failures;
  const auto tried = [&](const Result<>& result) {
    if (!result) {
      failures.push_back(to_string(result.error()));
    }
  };
  const auto& to_write = reading.state.to_write;
  if (std::ranges::find(to_write, reading.state.primary) != to_write.end()) {
    if (reading.kind == ConfKind::single) {
      tried(wrap(*reading.primary, entry));
    } else {
      const auto with = with_entry(reading.primary->text, entry);
      tried(replace_conf(*reading.primary, reading.primary->path, with.value_or("")));
    }
  }
  for (const auto& stray : reading.strays) {
    // The list of an earlier wrapping has just been made anew.
    if (stray.path != listed(reading.state.primary)) {
      tried(take_out_of(stray));
    }
  }
  State now = look_at(folder, entry);
  now.problems.insert(now.problems.end(), failures.begin(), failures.end());
  return now;
}

Result<> take_out(const std::string& folder) {
  std::error_code error;
  if (!fs::exists(folder, error)) {
    return {};
  }
  Result<> done;
  for (const auto& path : paths_of(folder, error)) {
    const auto conf = read_conf(path);
    if (!conf || !has_entry(*conf)) {
      continue;  // what can't be read has no entry that we wrote
    }
    if (auto taken = take_out_of(*conf); !taken && done) {
      done = std::move(taken);
    }
  }
  if (error) {
    return fail(Errc::io, "read " + folder + ": " + error.message());
  }
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code gone;
    // An original whose list is gone was taken out of service by whoever removed the list.
    const std::string path = entry->path();
    if (path.ends_with(kAsideSuffix) || path.ends_with(kOriginalSuffix)) {
      fs::remove(entry->path(), gone);
    }
  }
  return done;
}

Result<bool> keep_program(const std::string& from, const std::string& folder) {
  const auto to = folder + "/" + kPluginType;
  TRY(const std::string program, read_file(from, kProgramBytesMax));
  const auto there = read_file(to, kProgramBytesMax);
  struct stat stamp{};
  if (there && *there == program && ::stat(to.c_str(), &stamp) == 0 &&
      (stamp.st_mode & 07777) == 0755) {
    return false;
  }
  TRY_VOID(replace_file(to, program, {.mode = 0755}));
  return true;
}

}  // namespace culvert::cni
