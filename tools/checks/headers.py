"""Checks that every header compiles alone, with the flags of a source beside it; cached by content.

A header that some source includes first is proven by the build, and is not compiled again here. What is precompiled for
all sources (tools/cmake/precompiled.h) is there for headers too; std_names.py looks after that.
"""
# SPDX-License-Identifier: Apache-2.0
import concurrent.futures
import hashlib
import json
import os
import posixpath
import re
import shlex
import subprocess


def check(tree, build):
    database = os.path.join(build, "compile_commands.json")
    if not os.path.exists(database):
        yield "", 0, f"no {database}: configure with cmake --preset dev first"
        return
    flags = _flags_by_folder(tree.root, database)
    proven = set(_first_includes(tree))
    cache = os.path.join(build, "headers")
    os.makedirs(cache, exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = {path: pool.submit(_compile, tree, path, flags, cache) for path in tree.paths(".h")
                if path not in proven and (not path.startswith("bpf/") or path.startswith("bpf/include/"))}
        for path, job in jobs.items():
            if error := job.result():
                yield path, 1, f"does not compile alone:\n{error}"


def _first_includes(tree):
    for path in tree.paths(".cc"):
        if found := re.search(r'^#include [<"]([^>"]+)', tree.text(path), re.M):
            yield found[1]


def _flags_by_folder(root, database):
    """Folder -> (working directory, compiler and flags) of that C++ source in it which sees the most."""
    flags = {}
    with open(database) as file:
        for entry in json.load(file):
            path = posixpath.relpath(entry["file"], root)
            if path.startswith("..") or not path.endswith(".cc"):
                continue
            argv = shlex.split(entry["command"])
            cut = argv.index("-o")
            folder = posixpath.dirname(path)
            if folder not in flags or cut > len(flags[folder][1]):
                flags[folder] = (entry["directory"], argv[:cut])
    return flags


def _compile(tree, path, flags, cache):
    folder = posixpath.dirname(path)
    while folder not in flags:
        if not folder:
            folder = next(iter(sorted(flags)))
            break
        near = sorted(f for f in flags if f.startswith(folder + "/"))
        folder = near[0] if near else posixpath.dirname(folder)
    directory, argv = flags[folder]
    key = hashlib.sha256((tree.text(path) + path + " ".join(argv)).encode()).hexdigest()
    stamp = os.path.join(cache, key)
    if os.path.exists(stamp):
        return None
    argv = argv + ["-fsyntax-only", "-x", "c++", "-"]
    run = subprocess.run(argv, cwd=directory, input=f'#include "{path}"\n', text=True, capture_output=True)
    if run.returncode == 0:
        open(stamp, "w").close()
        return None
    return "\n".join(run.stderr.splitlines()[:12])
