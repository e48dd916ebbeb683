"""Names that a written project has for itself alone, so that its emulation can be loaded beside others.

Two libraries in one process share every C++ name that both export: weights (`w2`), configurations of layers
(`config2`), the top function, and tables inside functions, whose names say nothing of their contents. What
was loaded first serves both then, in silence, even where each was opened RTLD_LOCAL: table symbols of kind
STB_GNU_UNIQUE are one for the whole process. So, outside of synthesis,

- types, weights, configurations and generated code lie in an inline namespace, named by the firmware's hash;
- what the project's headers declare is hidden by pragmas in the source, with whatever flags it is compiled;
- `build_lib.sh` makes a library of which a linker script shows the entry points alone;
- the entry points take turns, since the firmware's static variables serve one caller at a time.

Synthesis reads the same source with empty macros, and so does the vendor's simulation, a program of its own.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

from .patches import AppliedPatch
from .sandbox import BuildError

HEADER = "own_names.h"
EXPORTS = "exported_names.map"
"""Linker script beside build_lib.sh."""

ENTRY_POINTS = ("allocate_trace_storage", "free_trace_storage", "collect_trace_output")
"""Names that a library shows besides NAME_float and NAME_double; hls4ml's Python interface calls them."""

SYSTEM_HEADERS = (
    *(
        "algorithm",
        "array",
        "cassert",
        "cfenv",
        "cmath",
        "condition_variable",
        "cstddef",
        "cstdint",
        "cstdio",
    ),
    *("cstdlib", "cstring", "cxxabi.h", "fstream", "iomanip", "iostream", "limits", "map", "math.h", "mutex"),
    *("queue", "sstream", "stdint.h", "stdio.h", "stdlib.h", "string", "string.h", "tuple", "type_traits"),
    *("assert.h", "typeinfo", "vector"),
)
"""What hls4ml's headers include: read before the pragma, which would hide functions of the C library too."""

_TEXT = """\
#ifndef OWN_NAMES_H_
#define OWN_NAMES_H_

// Names of this project alone, so that libraries of several can be loaded in one process.
// Empty in synthesis, and in the vendor's simulation (__SIM_FPO__), whose headers declare functions of its
// libraries.

#if defined(__SYNTHESIS__) || defined(__HLS_CSIM__) || defined(__SIM_FPO__) || !defined(__GNUC__)
#define HIDDEN_BEGIN
#define HIDDEN_END
#define SHOWN_BEGIN
#define SHOWN_END
#define OWN_NAMES_BEGIN
#define OWN_NAMES_END
#define TURNS
#define TAKE_TURN
#else
{includes}
#include "ap_fixed.h"
#include "ap_int.h"
#include "hls_stream.h"
#define HIDDEN_BEGIN _Pragma("GCC visibility push(hidden)")
#define HIDDEN_END _Pragma("GCC visibility pop")
#define SHOWN_BEGIN _Pragma("GCC visibility push(default)")
#define SHOWN_END _Pragma("GCC visibility pop")
#define OWN_NAMES_BEGIN inline namespace {namespace} {{
#define OWN_NAMES_END }}
#define TURNS static std::mutex one_at_a_time;
#define TAKE_TURN std::lock_guard<std::mutex> turn(one_at_a_time);
#endif

#endif
"""
_GUARD = re.compile(r"\A((?://[^\n]*\n|\n)*#ifndef (\w+)\n#define \2\n)(.*)(#endif\n*)\Z", re.DOTALL)
_BRIDGE_ENTRY = re.compile(r"(^void \w+_(?:float|double)\([^)]*\) \{\n)", re.MULTILINE)
_PROBE = f"""\
LDFLAGS=

# Show the entry points alone, if the linker can
EXPORTED="-Wl,--version-script={EXPORTS}"
if echo "" | ${{CC}} -fPIC -shared -fvisibility=hidden ${{EXPORTED}} -xc++ - -o /dev/null &> /dev/null; then
  CFLAGS+=" -fvisibility=hidden -fvisibility-inlines-hidden"
  LDFLAGS+=" ${{EXPORTED}}"
fi
"""


def use_own_names(folder: Path, name: str) -> tuple[AppliedPatch, ...]:
    """Give the project written in `folder`, named `name`, names of its own: once, after all else.

    Returns the record of each file that changed; `firmware/own_names.h` and `exported_names.map` are new.

    Raises:
        BuildError: when a file isn't as hls4ml 1.3 writes it.
    """
    firmware = folder / "firmware"
    namespace = f"{name}_{_digest_of(firmware)[:16]}"
    includes = "\n".join(f"#include <{one}>" for one in sorted(SYSTEM_HEADERS))
    (firmware / HEADER).write_text(_TEXT.format(includes=includes, namespace=namespace))
    shown = (f"{name}_float", f"{name}_double", *ENTRY_POINTS)
    (folder / EXPORTS).write_text(
        "{\n    global:\n" + "".join(f"        {one};\n" for one in shown) + "    local:\n        *;\n};\n"
    )
    records = []
    for file, change, reason in _changes(name):
        before = (folder / file).read_text()
        try:
            after = change(before)
        except ValueError:
            raise BuildError(
                f"{file} is not as the 1.3 series of hls4ml writes it, which bitfront supports: install "
                f"hls4ml>=1.3,<1.4."
            ) from None
        (folder / file).write_text(after)
        records.append(AppliedPatch("own-names", file, reason, _sha256(before), _sha256(after)))
    return tuple(records)


def _changes(name: str) -> tuple[tuple[str, Callable[[str], str], str], ...]:
    """Return file, change and reason for each file that changes in the project named `name`."""
    return (
        (
            "firmware/defines.h",
            lambda text: _hidden(_within(text, "// hls-fpga-machine-learning insert numbers")),
            "types lie in a namespace of this project alone where g++ compiles them, not in synthesis.",
        ),
        (
            "firmware/parameters.h",
            lambda text: _hidden(_within(text, "// hls-fpga-machine-learning insert weights")),
            "weights and configurations have the same names in all projects, so that two libraries in one "
            "process computed with each other's. Where g++ compiles them, not in synthesis, they lie in a "
            "namespace of this project alone, and are hidden.",
        ),
        (
            f"firmware/{name}.h",
            _hidden,
            "the top function is hidden in a library that g++ makes; synthesis finds it by its name.",
        ),
        (
            "firmware/nnet_utils/nnet_code_gen.h",
            _generated,
            "generated code has the same names in all projects: it lies in that namespace too.",
        ),
        (
            f"{name}_bridge.cpp",
            _bridge,
            "the entry points alone are visible, and take turns, since the firmware's static variables serve "
            "one caller at a time.",
        ),
        (
            "build_lib.sh",
            _library,
            f"the library shows the names in `{EXPORTS}` alone, where the linker can hide the others.",
        ),
    )


def _digest_of(firmware: Path) -> str:
    """Return the digest of the C++ that a project compiles: equal names stand for equal contents."""
    total = hashlib.sha256()
    for path in sorted(firmware.rglob("*"), key=lambda one: one.relative_to(firmware).as_posix()):
        if path.suffix in (".h", ".cpp") and "ap_types" not in path.parts:
            total.update(f"{path.relative_to(firmware).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return total.hexdigest()


def _hidden(text: str) -> str:
    """Hide what a header declares, its own guard apart."""
    found = _GUARD.match(text)
    if found is None:
        raise ValueError(text[:80])
    begin, _, body, end = found.groups()
    return f'{begin}\n#include "{HEADER}"\nHIDDEN_BEGIN\n{body}\nHIDDEN_END\n\n{end}'


def _within(text: str, marker: str) -> str:
    """Put what follows the line `marker` of a header into the namespace."""
    found = _GUARD.match(text)
    if found is None or text.count(f"{marker}\n") != 1:
        raise ValueError(marker)
    before, after = found[3].split(f"{marker}\n")
    return f"{found[1]}{before}OWN_NAMES_BEGIN\n{marker}\n{after.rstrip()}\n\nOWN_NAMES_END\n\n{found[4]}"


def _generated(text: str) -> str:
    marker, end = "// hls4ml insert code\n", "} // namespace nnet\n"
    before, found, after = text.partition(marker)
    code, closed, rest = after.rpartition(end)
    if not found or not closed:
        raise ValueError(marker)
    return f"{before}OWN_NAMES_BEGIN\n{marker}{code}OWN_NAMES_END\n\n{end}{rest}"


def _bridge(text: str) -> str:
    """Hide what the bridge includes and defines before its entry points, and let these take turns."""
    start, middle, last = '#include "firmware/', 'extern "C" {\n', "\n}\n\n#endif\n"
    head, found, tail = text.partition(middle)
    if not found or start not in head or tail.count(last) != 1:
        raise ValueError(middle)
    before, includes = head.split(start, 1)
    head = (
        f'{before}#include "firmware/{HEADER}"\nHIDDEN_BEGIN\n{start}{includes}'
        "TURNS\n\nHIDDEN_END\n\nSHOWN_BEGIN\n"
    )
    tail, count = _BRIDGE_ENTRY.subn(r"\1    TAKE_TURN\n", tail)
    if count != 2:
        raise ValueError("entry points")
    return head + middle + tail.replace(last, "\n}\nSHOWN_END\n\n#endif\n")


def _library(text: str) -> str:
    flags, linked = "LDFLAGS=\n", "-shared ${PROJECT}.o"
    if (text.count(flags), text.count(linked)) != (1, 1):
        raise ValueError(flags)
    return text.replace(flags, _PROBE).replace(linked, "${LDFLAGS} " + linked)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
