// SPDX-License-Identifier: Apache-2.0
#include "agent/datapath/programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <fmt/format.h>

#include <capture.skel.h>
#include <passport.skel.h>
#include <steer.skel.h>
#include <cstdarg>
#include <cstdio>
#include <memory>
#include <string_view>

#include "agent/datapath/kernel.h"

namespace culvert::datapath {

namespace {

using Capture = std::unique_ptr<capture_bpf, decltype(&capture_bpf::destroy)>;
using Steer = std::unique_ptr<steer_bpf, decltype(&steer_bpf::destroy)>;
using Passport = std::unique_ptr<passport_bpf, decltype(&passport_bpf::destroy)>;

struct MapName {
  std::string_view name;
  Fd Maps::* fd;
};
constexpr MapName kMapNames[] = {
    {"pods", &Maps::pods},       {"steered", &Maps::steered},     {"listeners", &Maps::listeners},
    {"daemons", &Maps::daemons}, {"passports", &Maps::passports}, {"verdicts", &Maps::verdicts},
};

// Where the pin of a shared map belongs, or null for libbpf's own (.rodata).
Fd Maps::* member_of(const bpf_map* map);

// ensure_maps makes or opens those maps of `object` that no object before it had.
Result<> ensure_maps(bpf_object* object, const std::string& root, bool make, Maps& maps);
Result<Fd> make_map(const bpf_map* map, const std::string& path);
Result<Fd> adopt_map(const bpf_map* map, const std::string& path);

Result<> load(bpf_object* object, const Maps& maps, std::string_view name);
Result<Fd> program_fd(const bpf_program* program);

// libbpf explains a refusal (the verifier's last words) only through its printer.
thread_local std::string last_warning;

int keep_warning(libbpf_print_level level, const char* format, std::va_list arguments) {
  if (level == LIBBPF_WARN) {
    char line[512];
    std::vsnprintf(line, sizeof line, format, arguments);
    last_warning = line;
    while (!last_warning.empty() && last_warning.back() == '\n') {
      last_warning.pop_back();
    }
  }
  return 0;
}

template <class Skeleton>
Result<std::unique_ptr<Skeleton, decltype(&Skeleton::destroy)>> open_skeleton() {
  libbpf_set_print(keep_warning);
  std::unique_ptr<Skeleton, decltype(&Skeleton::destroy)> skeleton(Skeleton::open(nullptr),
                                                                   &Skeleton::destroy);
  if (!skeleton) {
    return fail_errno(errno, "open an embedded BPF object");
  }
  return skeleton;
}

Result<Maps> maps_of_all_programs(const std::string& root, bool make) {
  Maps maps;
  TRY(const Capture capture, open_skeleton<capture_bpf>());
  TRY_VOID(ensure_maps(capture->obj, root, make, maps));
  TRY(const Steer steer, open_skeleton<steer_bpf>());
  TRY_VOID(ensure_maps(steer->obj, root, make, maps));
  TRY(const Passport passport, open_skeleton<passport_bpf>());
  TRY_VOID(ensure_maps(passport->obj, root, make, maps));
  return maps;
}

}  // namespace

Result<Maps> make_maps(const std::string& root) {
  return maps_of_all_programs(root, true);
}

Result<Maps> adopt_maps(const std::string& root) {
  return maps_of_all_programs(root, false);
}

Result<CapturePrograms> load_capture(const Maps& maps) {
  TRY(const Capture skeleton, open_skeleton<capture_bpf>());
  TRY_VOID(load(skeleton->obj, maps, "capture"));
  TRY(auto connect4, program_fd(skeleton->progs.capture_connect4));
  TRY(auto connect6, program_fd(skeleton->progs.capture_connect6));
  return CapturePrograms{.connect4 = std::move(connect4), .connect6 = std::move(connect6)};
}

Result<Fd> load_passport(const Maps& maps) {
  TRY(const Passport skeleton, open_skeleton<passport_bpf>());
  TRY_VOID(load(skeleton->obj, maps, "passport"));
  return program_fd(skeleton->progs.passport);
}

Result<Fd> load_steer(const Maps& maps, std::uint64_t netns_cookie) {
  TRY(const Steer skeleton, open_skeleton<steer_bpf>());
  skeleton->rodata->netns_cookie = netns_cookie;
  TRY_VOID(load(skeleton->obj, maps, "steer"));
  return program_fd(skeleton->progs.steer);
}

namespace {

Fd Maps::* member_of(const bpf_map* map) {
  for (const auto& entry : kMapNames) {
    if (entry.name == bpf_map__name(map)) {
      return entry.fd;
    }
  }
  return nullptr;
}

Result<> ensure_maps(bpf_object* object, const std::string& root, bool make, Maps& maps) {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    const auto member = member_of(map);
    if (member == nullptr || maps.*member) {
      continue;
    }
    const std::string path = fmt::format("{}/{}", root, bpf_map__name(map));
    TRY(maps.*member, make ? make_map(map, path) : adopt_map(map, path));
  }
  return {};
}

Result<Fd> make_map(const bpf_map* map, const std::string& path) {
  bpf_map_create_opts options{};
  options.sz = sizeof options;
  options.map_flags = bpf_map__map_flags(map);
  Fd fd(bpf_map_create(bpf_map__type(map), bpf_map__name(map), bpf_map__key_size(map),
                       bpf_map__value_size(map), bpf_map__max_entries(map), &options));
  if (!fd) {
    return fail_errno(errno, fmt::format("make the map {}", bpf_map__name(map)));
  }
  TRY_VOID(pin(fd, path));
  return fd;
}

Result<Fd> adopt_map(const bpf_map* map, const std::string& path) {
  auto fd = open_pin(path);
  bpf_map_info found{};
  std::uint32_t length = sizeof found;
  if (!fd || bpf_obj_get_info_by_fd(fd->get(), &found, &length) != 0 ||
      found.type != bpf_map__type(map) || found.key_size != bpf_map__key_size(map) ||
      found.value_size != bpf_map__value_size(map) ||
      found.max_entries != bpf_map__max_entries(map)) {
    return fail(Errc::config,
                fmt::format("the pin {} is missing or not this agent's map: drain the "
                            "node and remove the pins with culvert-agent --remove-pins",
                            path));
  }
  return fd;
}

Result<> load(bpf_object* object, const Maps& maps, std::string_view name) {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    const auto member = member_of(map);
    if (member == nullptr) {
      continue;
    }
    if (const int code = bpf_map__reuse_fd(map, (maps.*member).get()); code < 0) {
      return fail_errno(-code, fmt::format("give {} the map {}", name, bpf_map__name(map)));
    }
  }
  if (const int code = bpf_object__load(object); code < 0) {
    return fail_errno(-code, fmt::format("load {} ({})", name, last_warning));
  }
  return {};
}

Result<Fd> program_fd(const bpf_program* program) {
  // The skeleton closes its own descriptor; the program lives on through this one.
  Fd fd(::fcntl(bpf_program__fd(program), F_DUPFD_CLOEXEC, 0));
  if (!fd) {
    return fail_errno(errno, "duplicate a program's descriptor");
  }
  return fd;
}

}  // namespace

}  // namespace culvert::datapath
