"""The files that a check looks at: tracked ones and new ones that git would not ignore."""
# SPDX-License-Identifier: Apache-2.0
import functools
import os
import subprocess


class Tree:
    def __init__(self, root):
        self.root = root
        listed = subprocess.run(
            ["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            capture_output=True, check=True, text=True).stdout.split("\0")
        self._paths = sorted(p for p in set(listed) if p and os.path.isfile(os.path.join(root, p)))

    def paths(self, *endings):
        return [p for p in self._paths if not endings or p.endswith(endings)]

    def scripts(self):
        """Executable text without an ending, found by its first line."""
        return [p for p in self._paths if "." not in os.path.basename(p) and self.text(p).startswith("#!")]

    @functools.cache
    def text(self, path):
        with open(os.path.join(self.root, path), encoding="utf-8", errors="replace") as file:
            return file.read()

    @functools.cache
    def lines(self, path):
        return self.text(path).splitlines()

    def is_binary(self, path):
        return "\0" in self.text(path)[:1000]
