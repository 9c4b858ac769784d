// A folder that people write to.
// SPDX-License-Identifier: Apache-2.0
#include "agent/mesh/file_source.h"

#include <doctest/doctest.h>
#include <poll.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/unit/mesh/shop.h"

namespace culvert::mesh {
namespace {

namespace fs = std::filesystem;

struct Folder {
  fs::path path;

  Folder() {
    std::string name = (fs::temp_directory_path() / "culvert-source-XXXXXX").string();
    path = ::mkdtemp(name.data());
  }
  ~Folder() { fs::remove_all(path); }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path / name) << text;
  }
  // What kubectl, editors and configuration management do: a new file under the old name.
  void replace(const std::string& name, const std::string& text) const {
    write("." + name + ".new", text);
    fs::rename(path / ("." + name + ".new"), path / name);
  }
  FileSource open() const {
    auto source = FileSource::open(path.string());
    REQUIRE(source.has_value());
    return std::move(*source);
  }
};

bool wants_refresh(const FileSource& source) {
  pollfd poll{source.watch_fd(), POLLIN, 0};
  return ::poll(&poll, 1, 0) == 1;
}

std::vector<std::string> pods(const FileSource& source) {
  std::vector<std::string> names;
  for (const auto& [key, pod] : source.objects().pods) {
    names.push_back(key.second + "=" + to_string(pod.ips.at(0)));
  }
  return names;
}
using Pods = std::vector<std::string>;

TEST_CASE_FIXTURE(Folder, "all YAML files of the folder are read together, and others are not") {
  write("a.yaml", pod_yaml("a", "10.0.0.1"));
  write("b.yml", pod_yaml("b", "10.0.0.2"));
  write("c.json", "{}");
  write(".hidden.yaml", pod_yaml("h", "10.0.0.3"));
  write("notes.txt", "not YAML: at: all");
  const auto source = open();
  CHECK(pods(source) == Pods{"a=10.0.0.1", "b=10.0.0.2"});
  CHECK(sentences(source.problems()) ==
        std::vector<std::string>{"c.json: a document has no kind; write Kubernetes objects, "
                                 "each with apiVersion and kind"});
  CHECK(source.complete());
}

TEST_CASE_FIXTURE(Folder, "new, replaced, rewritten and deleted files are noticed") {
  auto source = open();
  CHECK_FALSE(wants_refresh(source));
  CHECK_FALSE(source.refresh());
  write("a.yaml", pod_yaml("a", "10.0.0.1"));
  CHECK(wants_refresh(source));
  CHECK(source.refresh());
  CHECK_FALSE(wants_refresh(source));
  CHECK(pods(source) == Pods{"a=10.0.0.1"});
  replace("a.yaml", pod_yaml("a", "10.0.0.2"));
  CHECK(wants_refresh(source));
  CHECK(source.refresh());
  CHECK(pods(source) == Pods{"a=10.0.0.2"});
  write("a.yaml", pod_yaml("a", "10.0.0.3"));  // the same length, within one tick of the clock
  CHECK(source.refresh());
  CHECK(pods(source) == Pods{"a=10.0.0.3"});
  fs::remove(path / "a.yaml");
  CHECK(wants_refresh(source));
  CHECK(source.refresh());
  CHECK(pods(source).empty());
}

TEST_CASE_FIXTURE(Folder,
                  "a file whose stamp did not change is read again if it was written just now") {
  write("a.yaml", pod_yaml("a", "10.0.0.1"));
  auto source = open();
  const auto written = fs::last_write_time(path / "a.yaml");
  write("a.yaml", pod_yaml("a", "10.0.0.2"));
  fs::last_write_time(path / "a.yaml", written);
  CHECK(source.refresh());
  CHECK(pods(source) == Pods{"a=10.0.0.2"});
}

TEST_CASE_FIXTURE(Folder, "a file that breaks keeps its last good objects, says so, and heals") {
  write("a.yaml", pod_yaml("a", "10.0.0.1"));
  auto source = open();
  replace("a.yaml", "kind: [");
  CHECK(source.refresh());
  CHECK(pods(source) == Pods{"a=10.0.0.1"});
  CHECK(source.problems().size() == 1);
  CHECK(source.complete());
  replace("a.yaml", pod_yaml("a", "10.0.0.2"));
  CHECK(source.refresh());
  CHECK(pods(source) == Pods{"a=10.0.0.2"});
  CHECK(source.problems().empty());
}

TEST_CASE_FIXTURE(
    Folder, "an object that breaks keeps its last good form while the rest of its file changes") {
  write("a.yaml", pod_yaml("a", "10.0.0.1") + pod_yaml("b", "10.0.0.2"));
  auto source = open();
  replace("a.yaml", pod_yaml("a", "10.0.0.x") + pod_yaml("b", "10.0.0.3"));
  CHECK(source.refresh());
  CHECK(pods(source) == Pods{"a=10.0.0.1", "b=10.0.0.3"});
  replace("a.yaml", pod_yaml("b", "10.0.0.3"));
  CHECK(source.refresh());
  CHECK(pods(source) == Pods{"b=10.0.0.3"});
}

TEST_CASE_FIXTURE(
    Folder, "a file that was never good leaves the source incomplete until it is or is gone") {
  write("a.yaml", "kind: [");
  write("b.yaml", pod_yaml("b", "10.0.0.2"));
  auto source = open();
  CHECK_FALSE(source.complete());
  CHECK(pods(source) == Pods{"b=10.0.0.2"});
  fs::remove(path / "a.yaml");
  CHECK(source.refresh());
  CHECK(source.complete());
}

TEST_CASE_FIXTURE(Folder, "of an object in two files the later file counts, and that is told") {
  write("a.yaml", pod_yaml("a", "10.0.0.1"));
  write("b.yaml", pod_yaml("a", "10.0.0.2"));
  auto source = open();
  CHECK(pods(source) == Pods{"a=10.0.0.2"});
  CHECK(sentences(source.problems()) ==
        std::vector<std::string>{
            "b.yaml: Pod shop/a is in an earlier file too; this one counts, remove the other"});
  fs::remove(path / "b.yaml");
  CHECK(source.refresh());
  CHECK(pods(source) == Pods{"a=10.0.0.1"});
  CHECK(source.problems().empty());
}

TEST_CASE_FIXTURE(Folder, "a folder that vanishes leaves everything in force and is found again") {
  const Folder parent;
  const auto inner = parent.path / "source";
  fs::create_directory(inner);
  std::ofstream(inner / "a.yaml") << pod_yaml("a", "10.0.0.1");
  auto source = std::move(*FileSource::open(inner.string()));
  fs::remove_all(inner);
  CHECK(wants_refresh(source));
  source.refresh();
  CHECK(pods(source) == Pods{"a=10.0.0.1"});
  CHECK_FALSE(source.problems().empty());
  fs::create_directory(inner);
  std::ofstream(inner / "a.yaml") << pod_yaml("a", "10.0.0.2");
  CHECK(source.refresh());
  CHECK(pods(source) == Pods{"a=10.0.0.2"});
  CHECK(source.problems().empty());
  replace("unrelated.yaml", "x");
  std::ofstream(inner / "b.yaml") << pod_yaml("b", "10.0.0.4");
  CHECK(wants_refresh(source));  // the new folder is watched
}

TEST_CASE_FIXTURE(Folder, "a file over the limit is told and keeps its last good objects") {
  write("a.yaml", pod_yaml("a", "10.0.0.1"));
  auto source = open();
  fs::resize_file(path / "a.yaml", FileSource::kFileBytesMax + 1);
  CHECK(source.refresh());
  CHECK(pods(source) == Pods{"a=10.0.0.1"});
  CHECK(sentences(source.problems()) ==
        std::vector<std::string>{
            "a.yaml: it is over 16 MiB; split it, until then what it held before stays in force"});
}

TEST_CASE_FIXTURE(Folder, "links are followed and a folder with a YAML name is told") {
  const Folder target;
  target.write("real.yaml", pod_yaml("a", "10.0.0.1"));
  fs::create_symlink(target.path / "real.yaml", path / "a.yaml");
  fs::create_directory(path / "b.yaml");
  const auto source = open();
  CHECK(pods(source) == Pods{"a=10.0.0.1"});
  CHECK(sentences(source.problems()) ==
        std::vector<std::string>{"b.yaml: it is no file that can be read; replace or remove it"});
}

TEST_CASE("a folder that is not there is an error with the next step") {
  const auto source = FileSource::open("/no/such/folder");
  REQUIRE_FALSE(source.has_value());
  CHECK(source.error().code == Errc::config);
  CHECK(source.error().context ==
        "the source folder /no/such/folder can't be watched: No such file or directory; create it "
        "or name another");
}

}  // namespace
}  // namespace culvert::mesh
