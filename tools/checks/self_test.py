"""Proves that each check can fail: a small tree with one fault each, and the words it must be told off with."""
# SPDX-License-Identifier: Apache-2.0
import os
import subprocess
import tempfile

_SPDX = "// SPDX-License-Identifier: Apache-2.0\n"
_GOOD = {
    "ztunnel/lib/base/good.h": _SPDX + "#pragma once\nnamespace culvert::base {\nint answer();\n}\n",
    "ztunnel/lib/base/good.cc": _SPDX + '#include "ztunnel/lib/base/good.h"\nint answer() {\n  return 42;\n}\n',
    "ztunnel/lib/base/CMakeLists.txt": "culvert_room(base SOURCES good.cc)\n",
}
_BODY = "  step();\n" * 70

# Name of the fault -> (files to add, words of the complaint).
FAULTS = {
    "an include against the direction":
        ({"ztunnel/lib/base/bad.h": _SPDX + '#include "ztunnel/lib/io/loop.h"\n'}, "includes point one way"),
    "an agent that includes the proxy":
        ({"agent/bad.h": _SPDX + '#include "ztunnel/proxy/pool.h"\n'}, "includes point one way"),
    "a room of the agent that includes one above it":
        ({"agent/datapath/bad.h": _SPDX + '#include "agent/enrol/enrolment.h"\n'}, "includes point one way"),
    "BoringSSL outside its room":
        ({"ztunnel/lib/http/bad.h": _SPDX + "#include <openssl/ssl.h>\n"}, "is for ztunnel/lib/tls/"),
    "libbpf outside the datapath":
        ({"agent/enrol/bad.h": _SPDX + "#include <bpf/libbpf.h>\n"}, "is for bpf/"),
    "a header included by its bare name":
        ({"agent/bad.h": _SPDX + '#include "agent.h"\n'}, "by their path from the root"),
    "a name whose header is precompiled, and not included":
        ({"ztunnel/lib/base/bad.h": _SPDX + '#include "ztunnel/lib/base/good.h"\nstd::string name();\n'}, "comes from <string>"),
    "a precompiled header whose names nobody looks for":
        ({"tools/cmake/precompiled.h": _SPDX + "#include <regex>\n"}, "<regex> is either here or"),
    "a long file":
        ({"agent/bad.h": _SPDX + "int x;\n" * 401}, "asks for a second file"),
    "a long function":
        ({"agent/bad.h": _SPDX + "int run(int a,\n        int b) {\n" + _BODY + "}\n"}, "run has 73 lines"),
    "a long method":
        ({"agent/bad.h": _SPDX + "class A {\n  int run() {\n" + _BODY.replace("  ", "    ") + "  }\n};\n"}, "run has 72 lines"),
    "a type that manages":
        ({"agent/bad.h": _SPDX + "class PodManager {};\n"}, "banned word 'manager'"),
    "a function that does":
        ({"agent/bad.h": _SPDX + "int do_enrol(int pod);\n"}, "banned word 'do_'"),
    "a file of odds and ends":
        ({"agent/string_utils.h": _SPDX}, "banned word 'utils'"),
    "unfinished work":
        ({"agent/bad.h": _SPDX + "// TO" + "DO: later\n"}, "without an issue number"),
    "code in a comment":
        ({"agent/bad.h": _SPDX + "// return old_way();\n"}, "git remembers"),
    "a path of one machine":
        ({"agent/README.md": "see /" + "root/notes\n"}, "path of one machine"),
    "an unknown host":
        ({"agent/README.md": "get it at https://mirror.somewhere.net/x\n"}, "is not among those"),
    "no licence line":
        ({"agent/bad.h": "#pragma once\n"}, "SPDX"),
    "an adversary whose test is gone":
        ({"tests/README.md": '## Adversaries\n| a flood | `unit/http/floods` "a flood ends" | GOAWAY |\n'}, "no test in"),
    "an adversary without a test":
        ({"tests/README.md": "## Adversaries\n| a flood | none yet | GOAWAY |\n"}, "names no test"),
    "a source nobody builds":
        ({"ztunnel/lib/base/dead.cc": _SPDX}, "never built"),
}


def _complaints(files, run_checks):
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            full = os.path.join(root, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "w") as file:
                file.write(text)
        subprocess.run(["git", "init", "-q", root], check=True)
        return [message for _, _, message in run_checks(root)]


def run(run_checks):
    """Number of faults that went unnoticed, each printed."""
    failed = 0
    if quiet := _complaints(_GOOD, run_checks):
        print(f"tidy self-test: a tree without a fault is told off: {quiet}")
        failed += 1
    for name, (files, words) in FAULTS.items():
        complaints = _complaints({**_GOOD, **files}, run_checks)
        if not any(words in complaint for complaint in complaints):
            print(f"tidy self-test: {name} went unnoticed (wanted '{words}', got {complaints})")
            failed += 1
    print(f"tidy self-test: {len(FAULTS) + 1 - failed} of {len(FAULTS) + 1} as expected")
    return failed
