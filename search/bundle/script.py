"""verify.py as it lies in a bundle: the modules that `bitfront verify` runs, joined to one file without
packages.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import re
from pathlib import Path

from bitfront.hls.hls4ml_project import emulation, verification

_HEAD = '''\
#!/usr/bin/env python3
"""Verify the bundle that this file lies in: its files are as written, and its firmware, compiled by g++, gives the
golden outputs bit for bit.

Needs Python 3.9 or newer and g++; no package, and no network. Writes to a temporary folder inside this one and removes
it. Exit codes: 0 identical; 1 not, or the firmware can't be compiled or run; 2 files missing or changed; 4 no g++.
`bitfront verify` runs the same code from its own place, so it also notices another file under this name.
"""

from __future__ import annotations

import sys

if not sys.flags.isolated:  # a file beside this one must not stand in for one of Python's modules
    del sys.path[0]
'''

TEXT_FILE_SCRIPTS = frozenset(
    {
        "84a8463c2636ffe58ca51a63833d241192ceec706a1ec0f02a56c3ca18377d67",
        "f662ab7ffeaf7d9ac77e344380ac6abb51d2a928bc0ec8ff8c754f652bbba003",
        "09bed8b216b64064de9df146ae56340a7bcf146e4d69c3cceccb474ec212d951",
    }
)
"""SHA-256 of every verify.py in bundles whose emulation reads its weights from text files."""
SCRIPTS = frozenset({"1b2541c053df0ec86905bc473e23367665201893ff2ed5c33946a44dda4e6642"})
"""SHA-256 of every verify.py in bundles whose emulation reads headers: `verify_script` of this and earlier
versions.
"""


@functools.cache
def verify_script() -> bytes:
    """Return the text of verify.py."""
    parts = [_HEAD]
    for module in (emulation, verification):
        text = Path(str(module.__file__)).read_text(encoding="utf-8")
        lines = text.split("\n")
        docstring, *rest = ast.parse(text).body
        own = [
            one
            for one in rest
            if isinstance(one, ast.ImportFrom) and (one.level or one.module == "__future__")
        ]
        for node in (docstring, *own):
            lines[node.lineno - 1 : node.end_lineno] = [""] * (int(node.end_lineno or 0) - node.lineno + 1)
        parts.append(re.sub(r"\n{4,}", "\n\n\n", "\n".join(lines)).strip("\n") + "\n")
    return "\n\n".join(parts).encode()


def script_digest() -> str:
    """Return the SHA-256 of verify.py."""
    return hashlib.sha256(verify_script()).hexdigest()
